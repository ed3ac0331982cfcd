package gcfsource_test

import (
	"archive/zip"
	"bytes"
	"io"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/dist/gcfsource"
	"github.com/packetboat/packetboat/deploy/local"
)

func pack(t *testing.T, o gcfsource.Options) []byte {
	t.Helper()
	root, err := local.RepoRoot()
	require.NoError(t, err)
	o.Root = root
	var archive bytes.Buffer
	require.NoError(t, gcfsource.Write(t.Context(), &archive, o))
	return archive.Bytes()
}

// What the buildpack makes of the archive is tested in entrypoints/cloudfunction.
func TestArchive(t *testing.T) {
	first := pack(t, gcfsource.Options{Version: "v9", Config: "testdata/config.yaml"})
	assert.True(t, bytes.Equal(first, pack(t, gcfsource.Options{Version: "v9", Config: "testdata/config.yaml"})),
		"the same source gives the same bytes")

	archive, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	require.NoError(t, err)
	names := make([]string, len(archive.File))
	for i, f := range archive.File {
		names[i] = f.Name
		assert.Equal(t, time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), f.Modified.UTC(), f.Name)
		assert.EqualValues(t, 0o644, f.Mode(), f.Name)
		assert.NotContains(t, f.Name, "..")
	}
	for _, needed := range []string{
		"function.go", "go.mod", "go.sum", "config.yaml", "entrypoints/cloudfunction/function.go", "core/run/job.go",
		"state/gcs/gcs.go", "vendor/modules.txt", "vendor/github.com/GoogleCloudPlatform/functions-framework-go/funcframework/framework.go",
	} {
		assert.Contains(t, names, needed)
	}
	for _, name := range names {
		ours := !strings.HasPrefix(name, "vendor/")
		assert.False(t, strings.HasSuffix(name, "_test.go"), name)
		assert.False(t, ours && slices.Contains(strings.Split(path.Dir(name), "/"), "testdata"), name)
		for _, other := range []string{"deploy/", "entrypoints/packetboat/", "entrypoints/lambda/", "entrypoints/cloudfunction/cmd/", "sinks/sinktest/", "vendor/github.com/stretchr/"} {
			assert.False(t, strings.HasPrefix(name, other), "%s is not needed", name)
		}
	}
	assert.Equal(t, "package cloudfunction\n\nvar version = \"v9\"\n", read(t, archive, "entrypoints/cloudfunction/version.go"))
	assert.Equal(t, "receivers: []\n", read(t, archive, "config.yaml"))
}

func read(t *testing.T, archive *zip.Reader, name string) string {
	t.Helper()
	f, err := archive.Open(name)
	require.NoError(t, err)
	defer f.Close()
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(text)
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	root, err := local.RepoRoot()
	require.NoError(t, err)
	for says, o := range map[string]gcfsource.Options{
		"pack function: go list":           {Root: t.TempDir()},
		"pack function: open missing.yaml": {Root: root, Config: "missing.yaml"},
	} {
		require.ErrorContains(t, gcfsource.Write(t.Context(), io.Discard, o), says)
	}
}
