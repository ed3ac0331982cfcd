package peers

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// StartRedis gives redis-server, which must be on the PATH (apt-get install
// redis-server) and writes to the disk before it answers; nil without LIVE.
func StartRedis(t testing.TB, args ...string) *Server {
	t.Helper()
	binary := installed(t, "redis-server")
	if binary == "" {
		return nil
	}
	addr := freeAddr(t)
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	return startServer(t, binary, "redis-server", addr, nil, append([]string{
		"--bind", host, "--port", port, "--save", "", "--dir", t.TempDir(), "--appendonly", "yes", "--appendfsync", "always",
	}, args...))
}
