package peers

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// pythonPackages installs packages from PyPI into an environment of their own
// below .local/bin, once, and returns it. Python must have venv. then may add to
// what is installed.
func pythonPackages(t testing.TB, name string, packages []string, then func(venv string)) (venv string) {
	t.Helper()
	dir := filepath.Join(repoRoot(t), ".local", "bin")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	venv = filepath.Join(dir, name)
	unlock := lock(t, venv+".lock")
	defer unlock()
	done := filepath.Join(venv, "done")
	if _, err := os.Stat(done); err == nil {
		return venv
	}
	t.Logf("installing %s, once", name)
	for _, command := range [][]string{
		{"python3", "-m", "venv", "--clear", venv},
		append([]string{filepath.Join(venv, "bin", "pip"), "install", "--quiet"}, packages...),
	} {
		//nolint:gosec // the commands are the two above
		out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	if then != nil {
		then(venv)
	}
	require.NoError(t, os.WriteFile(done, nil, 0o600))
	return venv
}
