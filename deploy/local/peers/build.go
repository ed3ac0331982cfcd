package peers

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// build returns the path of the binary in .local/bin, built first if it is not
// there: seconds to minutes, once.
func (p program) build(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(repoRoot(t), ".local", "bin")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	binary := filepath.Join(dir, p.name+"-"+p.version)
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	unlock := lock(t, binary+".lock")
	defer unlock()
	if _, err := os.Stat(binary); err == nil {
		return binary // built by another test while we waited
	}
	t.Logf("building %s, once", p)
	fresh := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "install", p.String())
	// A workspace and flags are for our own module; without cgo no C compiler is needed.
	cmd.Env = append(os.Environ(), "GOBIN="+fresh, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS=", "GOARCH=")
	cmd.Dir = fresh
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "go install %s: %s", p, out)
	install(t, filepath.Join(fresh, path.Base(p.pkg)), binary)
	return binary
}

// install puts a binary in place whole or not at all: the temporary directory
// may be on another file system.
func install(t testing.TB, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to+".new", raw, 0o755))
	require.NoError(t, os.Rename(to+".new", to))
}

// lock waits for the lock of a file, which ends with the process at the latest.
func lock(t testing.TB, path string) (unlock func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	require.NoError(t, err)
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if err == nil {
			return func() { require.NoError(t, f.Close()) }
		}
		require.ErrorIs(t, err, syscall.EINTR, "lock %s", path)
	}
}
