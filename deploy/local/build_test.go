package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBinaryIsUpToDateOnlyForItsSource(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "controlplane")
	assert.False(t, upToDate(binary, "key"))
	require.NoError(t, os.WriteFile(binary+".new", []byte("program"), 0o755))
	require.NoError(t, install(binary, "key"))
	assert.True(t, upToDate(binary, "key"))
	assert.False(t, upToDate(binary, "another key"))
	require.NoError(t, os.Remove(binary))
	assert.False(t, upToDate(binary, "key"))
}

func TestSourceKeyFollowsTheSource(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) string {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(text), 0o644))
		key, err := sourceKey(t.Context(), dir)
		require.NoError(t, err)
		return key
	}
	first := write("package main")
	assert.NotEqual(t, first, write("package main // changed"))
	assert.Equal(t, first, write("package main"))
}

func TestFailedBuildShowsItsLastLines(t *testing.T) {
	output := strings.Repeat("example.com/compiled\n", 100) + "main.go:1: broken"
	lines := strings.Split(follow(strings.NewReader(output), func(int) {}), "\n")
	assert.Len(t, lines, 20)
	assert.Equal(t, "main.go:1: broken", lines[19])
}

// kubernetesVersion is written into the binary, so it must be the one that go.mod builds.
func TestVersionIsTheModules(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("controlplane", "go.mod"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "\tk8s.io/kubernetes "+kubernetesVersion+"\n")
}
