package peers

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	bqemulatorVersion = "1.4.0"
	duckdbVersion     = "1.5.5"
)

// StartBigQuery gives bqemulator, which keeps its tables in memory. It needs
// Python with venv and some minutes to install; nil without LIVE=all.
func StartBigQuery(t testing.TB) *Server {
	t.Helper()
	if os.Getenv("LIVE") != "all" {
		t.Log("peer: bqemulator does not take part: LIVE is not all")
		return nil
	}
	v := installBigQuery(t)
	rest, grpc := freeAddr(t), freeAddr(t)
	host, port, err := net.SplitHostPort(rest)
	require.NoError(t, err)
	_, grpcPort, err := net.SplitHostPort(grpc)
	require.NoError(t, err)
	return startServer(t, v.python(), "bqemulator "+bqemulatorVersion, rest, []string{"HOME=" + bigQueryHome(string(v))}, append(v.program("bqemulator"),
		"start", "--rest-host", host, "--rest-port", port, "--grpc-host", host, "--grpc-port", grpcPort,
		"--ephemeral", "--log-level", "error",
	))
}

// bigQueryHome is where DuckDB finds its extensions.
func bigQueryHome(dir string) string { return filepath.Join(dir, "home") }

// installBigQuery installs it with a DuckDB whose extension for geography is a
// package too: it would be fetched from a site of its own otherwise.
func installBigQuery(t testing.TB) venv {
	t.Helper()
	packages := []string{
		"bqemulator==" + bqemulatorVersion, "duckdb==" + duckdbVersion, "duckdb-extension-spatial==" + duckdbVersion, "numpy==2.4.6",
	}
	return pythonPackages(t, "bqemulator-"+bqemulatorVersion, packages, func(dir string) {
		const name = "spatial.duckdb_extension"
		packaged, err := filepath.Glob(filepath.Join(dir, "lib", "python3*", "site-packages", "duckdb_extension_spatial", "extensions", "v"+duckdbVersion, name))
		require.NoError(t, err)
		require.Len(t, packaged, 1)
		extensions := filepath.Join(bigQueryHome(dir), ".duckdb", "extensions", "v"+duckdbVersion, "linux_"+runtime.GOARCH)
		require.NoError(t, os.MkdirAll(extensions, 0o755))
		install(t, packaged[0], filepath.Join(extensions, name))
	})
}
