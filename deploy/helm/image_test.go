package helm_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOneImage: pages and manifests name the one that the chart does, by its
// future address or by that of the reader's own registry.
func TestOneImage(t *testing.T) {
	version := objects(t, read(t, chart, "Chart.yaml"))[0]["appVersion"]
	named := regexp.MustCompile(`[\w.:-]+(?:/packetboat)+:(v?\d[\w.-]*)`)
	found := map[string]bool{}
	repository := os.DirFS(filepath.Join("..", ".."))
	require.NoError(t, fs.WalkDir(repository, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if hidden := len(path) > 1 && entry.Name()[0] == '.'; entry.IsDir() && (hidden || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if ext := filepath.Ext(path); ext != ".md" && ext != ".yaml" {
			return nil
		}
		text, err := fs.ReadFile(repository, path)
		for _, name := range named.FindAllStringSubmatch(string(text), -1) {
			assert.Equal(t, version, name[1], "%s: %s", path, name[0])
			found[path] = true
		}
		return err
	}))
	assert.Subset(t, slices.Sorted(maps.Keys(found)), []string{"README.md", "deploy/kustomize/cronjob/cronjob.yaml"})
}
