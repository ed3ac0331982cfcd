package functiontest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/entrypoints/app"
)

// blocks gives the fenced blocks of the README in the working directory that
// begin with this info string.
func blocks(t *testing.T, info string) []string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var found []string
	for _, block := range regexp.MustCompile("(?ms)^```"+regexp.QuoteMeta(info)+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		found = append(found, block[1])
	}
	require.NotEmpty(t, found, info)
	return found
}

// Build builds the main with the go build of its README, for this machine and
// into a temporary directory, and returns the binary.
func Build(t *testing.T) string {
	t.Helper()
	root, err := local.RepoRoot()
	require.NoError(t, err)
	dist := t.TempDir()
	commands := slices.DeleteFunc(blocks(t, "sh"), func(block string) bool { return !strings.Contains(block, " go build ") })
	require.Len(t, commands, 1)
	command := strings.NewReplacer("dist/", dist+"/", "GOOS=linux", "GOOS="+runtime.GOOS, "GOARCH=arm64", "GOARCH="+runtime.GOARCH).Replace(commands[0])
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", command)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoErrorf(t, err, "%s", out)
	built, err := filepath.Glob(filepath.Join(dist, "*"))
	require.NoError(t, err)
	require.Len(t, built, 1)
	return built[0]
}

// Readme checks the configurations and the answers that the README shows.
func Readme(t *testing.T) {
	for _, block := range blocks(t, "yaml config") {
		file := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(file, []byte(block), 0o600))
		problems, err := app.Check(t.Context(), app.Options{ConfigFile: file, Strict: true})
		require.NoError(t, err)
		assert.Empty(t, problems)
	}
	for _, block := range blocks(t, "json report") {
		decoder := json.NewDecoder(strings.NewReader(block))
		decoder.DisallowUnknownFields()
		var report run.Report
		require.NoError(t, decoder.Decode(&report))
		written, err := json.Marshal(report)
		require.NoError(t, err)
		assert.JSONEq(t, block, string(written), "it shows every field that is always there")
	}
	for _, block := range blocks(t, "json payload") {
		assert.True(t, json.Valid([]byte(block)), block)
	}
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, variable := range []string{app.EnvConfig, app.EnvInline, app.EnvCheckpoint, app.EnvKubeconfig, app.EnvTimeout} {
		assert.True(t, bytes.Contains(text, []byte("| `"+variable+"` |")), variable)
	}
}
