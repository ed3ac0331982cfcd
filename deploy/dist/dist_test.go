package dist

import (
	"archive/zip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/dist/coldstart"
)

const root = "../.."

func commit() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// builder builds a tree into a new folder, under names that hide it.
func builder(t *testing.T, tree string) *Builder {
	t.Helper()
	dir := t.TempDir()
	return &Builder{
		Root: tree, Out: dir, Version: "v1.2.3", Revision: "0123456789abcdef", Time: commit(), Log: io.Discard,
		binaries: binaries{root: tree, dir: dir, version: "v1.2.3", built: map[target]*binary{}},
	}
}

// One builder for all of it, because what is expensive is to link.
func TestRelease(t *testing.T) {
	b := builder(t, root)
	t.Run("what it costs to start", func(t *testing.T) { testStart(t, b) })
	t.Run("image", func(t *testing.T) { testImage(t, b) })
	t.Run("function's image", func(t *testing.T) { testFunctionImage(t, b) })
	t.Run("sizes", func(t *testing.T) { testSizes(t, b) })
	t.Run("two directories", testTwoDirectories)
}

// The zips' are what the README promises. The commands' keep what was won: a
// package that drags a cloud's SDK or all of Kubernetes into them goes beyond.
func testSizes(t *testing.T, b *Builder) {
	for _, program := range []struct {
		target target
		most   int64
	}{
		{target{commandPackage, "", runtime.GOARCH}, 80e6},
		{target{commandPackage, "slim", runtime.GOARCH}, 50e6},
	} {
		path, err := b.binaries.path(t.Context(), program.target)
		require.NoError(t, err)
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), program.most, "%v", program.target)
	}
	for _, function := range []struct {
		tags string
		most int64
	}{{"", 35e6}, {"slim,aws", 20e6}} {
		a := b.lambda("x.zip", target{lambdaPackage, function.tags, runtime.GOARCH})
		path := filepath.Join(t.TempDir(), a.name)
		require.NoError(t, a.build(t.Context(), path))
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), function.most, "Lambda function with tags %q", function.tags)
		testZip(t, path)
	}
}

// testZip: the runtime starts the file bootstrap at the top, and there is no other.
func testZip(t *testing.T, path string) {
	archive, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer archive.Close()
	require.Len(t, archive.File, 1)
	bootstrap := archive.File[0]
	assert.Equal(t, "bootstrap", bootstrap.Name)
	assert.Equal(t, os.FileMode(0o755), bootstrap.Mode())
	assert.Equal(t, zip.Deflate, bootstrap.Method)
	assert.True(t, bootstrap.Modified.Equal(commit()))
}

// What packages do before main is paid at each start of a CronJob and a Lambda
// function. The bounds are a tenth above what was measured; times are not tested.
func testStart(t *testing.T, b *Builder) {
	for _, program := range []struct {
		target        target
		bytes, allocs int
	}{
		{target{commandPackage, "", runtime.GOARCH}, 8_900_000, 57_500},
		{target{commandPackage, "slim", runtime.GOARCH}, 2_200_000, 18_500},
		{target{lambdaPackage, "slim,aws", runtime.GOARCH}, 8_000_000, 54_500},
	} {
		path, err := b.binaries.path(t.Context(), program.target)
		require.NoError(t, err)
		inits, err := coldstart.Inits(t.Context(), path, "--version")
		require.NoError(t, err)
		sum := coldstart.Sum(inits)
		assert.LessOrEqual(t, sum.Bytes, program.bytes, "%v", program.target)
		assert.LessOrEqual(t, sum.Allocs, program.allocs, "%v", program.target)
		// It gets to the cluster without asking anybody else: there is nobody.
		start, err := coldstart.FirstRequest(t.Context(), path)
		require.NoError(t, err)
		t.Logf("%v: %d bytes, %d allocations; the first request after %s, %s on a processor", program.target, sum.Bytes, sum.Allocs, start.Clock, start.CPU)
	}
}

// The same sources in another place give the same bytes.
func testTwoDirectories(t *testing.T) {
	names := []string{"packetboat-lambda-aws-" + runtime.GOARCH + ".zip", "packetboat-slim-linux-" + runtime.GOARCH}
	var sums []string
	for _, tree := range []string{root, copyOf(t)} {
		b := builder(t, tree)
		b.Out = filepath.Join(b.Out, "dist")
		require.NoError(t, b.Build(t.Context(), names...))
		text, err := os.ReadFile(filepath.Join(b.Out, SumsFile))
		require.NoError(t, err)
		sums = append(sums, string(text))
		check := exec.Command("sha256sum", "--check", "--strict", SumsFile)
		check.Dir = b.Out
		said, err := check.CombinedOutput()
		require.NoError(t, err, "%s", said)
		entries, err := os.ReadDir(b.Out)
		require.NoError(t, err)
		assert.Len(t, entries, 3, "nothing is left behind")
	}
	assert.Equal(t, sums[0], sums[1])
	assert.Equal(t, 2, strings.Count(sums[0], "\n"))
	for _, name := range names {
		assert.Contains(t, sums[0], "  "+name+"\n")
	}
}

// copyOf is a copy of what git knows, without git.
func copyOf(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	list, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, not yet committed
		}
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(to, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(to, name), content, 0o644))
	}
	return to
}

func TestWhatCannotBeBuilt(t *testing.T) {
	b := builder(t, root)
	require.ErrorContains(t, b.Build(t.Context(), "packetboat.exe"), "build packetboat.exe: there is no such thing, there are packetboat-linux-amd64, ")
	b.Version = "v1 -X main.evil=1"
	require.ErrorContains(t, b.Build(t.Context()), "cannot be a version")
	b = builder(t, root)
	b.Push = "registry.example.com/packetboat:v1.2.3"
	require.ErrorContains(t, b.Build(t.Context()), "to publish an image, name it and nothing else")
	b = builder(t, t.TempDir()) // no module
	b.Out = filepath.Join(b.Out, "dist")
	require.ErrorContains(t, b.Build(t.Context(), "packetboat-linux-amd64"), "build packetboat-linux-amd64: go build: ")
	entries, err := os.ReadDir(b.Out)
	require.NoError(t, err)
	assert.Empty(t, entries)
}
