package peers

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// venv is an environment of Python. Its programs name the folder that they were
// installed in, so that after a move of the repository only its Python still runs.
type venv string

func (v venv) python() string { return filepath.Join(string(v), "bin", "python3") }

// program are arguments for Python that run what is installed as a program.
func (v venv) program(name string) []string {
	return []string{"-c", "import sys\nfrom importlib.metadata import entry_points\n" +
		"sys.argv[0] = '" + name + "'\n" +
		"sys.exit(next(iter(entry_points(group='console_scripts', name='" + name + "'))).load()())"}
}

// pythonPackages installs packages from PyPI into an environment of their own
// below .local/bin, once, and returns it. Python must have venv. then may add to
// what is installed.
func pythonPackages(t testing.TB, name string, packages []string, then func(dir string)) venv {
	t.Helper()
	dir := filepath.Join(repoRoot(t), ".local", "bin")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	v := venv(filepath.Join(dir, name))
	unlock := lock(t, string(v)+".lock")
	defer unlock()
	done := filepath.Join(string(v), "done")
	if _, err := os.Stat(done); err == nil {
		return v
	}
	t.Logf("installing %s, once", name)
	for _, command := range [][]string{
		{"python3", "-m", "venv", "--clear", string(v)},
		append([]string{v.python(), "-m", "pip", "install", "--quiet"}, packages...),
	} {
		//nolint:gosec // the commands are the two above
		out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	if then != nil {
		then(string(v))
	}
	require.NoError(t, os.WriteFile(done, nil, 0o600))
	return v
}
