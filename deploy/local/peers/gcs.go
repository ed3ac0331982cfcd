package peers

import (
	"net"
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/stretchr/testify/require"
)

// GCS is a service that speaks Cloud Storage's protocol and asks for no
// credentials.
type GCS struct {
	Name     string
	Endpoint string
	// Server can be restarted; nil in process.
	Server *Server
}

// StartGCS gives fake-gcs-server in process and, with LIVE, as a process.
func StartGCS(t testing.TB) []GCS {
	t.Helper()
	fake, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http"})
	require.NoError(t, err)
	t.Cleanup(fake.Stop)
	t.Log("peer: fake-gcs-server, in process")
	peers := []GCS{{Name: "in process", Endpoint: fake.URL()}}
	if !Live() {
		t.Log("peer: fake-gcs-server as a process does not take part: LIVE is not set")
		return peers
	}
	server := program{name: "fake-gcs-server", pkg: "github.com/fsouza/fake-gcs-server", version: "v1.56.1"}
	addr := freeAddr(t)
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	return append(peers, GCS{Name: "process", Endpoint: "http://" + addr, Server: startServer(t, server.build(t), server.name+" "+server.version, addr, nil, []string{
		"-backend", "filesystem", "-filesystem-root", t.TempDir(), "-scheme", "http", "-host", host, "-port", port,
		"-public-host", addr, "-external-url", "http://" + addr, "-log-level", "error",
	})})
}
