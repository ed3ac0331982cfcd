package peers

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// module is a server that go install cannot build: it has no main of its own, or
// its module says replace.
type module struct {
	name, version string            // of the binary as we keep it
	files         map[string]string // go.mod, and a main if it needs one
	pkg           string
}

// build returns the path of the binary in .local/bin, built first if it is not
// there.
func (m module) build(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(repoRoot(t), ".local", "bin")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	binary := filepath.Join(dir, m.name+"-"+m.version)
	unlock := lock(t, binary+".lock")
	defer unlock()
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	t.Logf("building %s %s, once", m.name, m.version)
	fresh := t.TempDir()
	for name, text := range m.files {
		require.NoError(t, os.WriteFile(filepath.Join(fresh, name), []byte(text), 0o600))
	}
	built := filepath.Join(fresh, m.name)
	goTool(t, fresh, "build", "-mod=mod", "-o", built, m.pkg)
	install(t, built, binary)
	return binary
}
