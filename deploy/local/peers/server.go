package peers

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Server is a real server that a test can kill in mid-run. It comes back at the
// same address, with what it had put on the disk.
type Server struct {
	Addr string

	start func() (kill func())
	kill  func()
}

// startServer starts a program that says nothing over HTTP: it is there when it
// takes a connection.
func startServer(t testing.TB, binary, name, addr string, env, args []string) *Server {
	t.Helper()
	s := &Server{Addr: addr, start: func() func() {
		kill := spawn(t, binary, name, env, args)
		require.Eventually(t, func() bool {
			c, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", addr)
			return err == nil && c.Close() == nil
		}, time.Minute, 20*time.Millisecond, "%s takes no connection", name)
		return kill
	}}
	s.kill = s.start()
	t.Logf("peer: %s, a process of its own", name)
	return s
}

// Kill ends the server as a crash does.
func (s *Server) Kill() { s.kill() }

// Start starts it again, after Kill.
func (s *Server) Start() { s.kill = s.start() }

// Restart is Kill and Start.
func (s *Server) Restart() {
	s.Kill()
	s.Start()
}
