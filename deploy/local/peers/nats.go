package peers

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// StartNATS gives nats-server with JetStream, which must be on the PATH (apt-get
// install nats-server); nil without LIVE.
func StartNATS(t testing.TB) *Server {
	t.Helper()
	binary := installed(t, "nats-server")
	if binary == "" {
		return nil
	}
	addr := freeAddr(t)
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	return startServer(t, binary, "nats-server", addr, nil, []string{"-js", "-a", host, "-p", port, "-sd", t.TempDir()})
}
