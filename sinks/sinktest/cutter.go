package sinktest

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Cutter is a TCP proxy in front of a service. It breaks a connection where a
// network would.
type Cutter struct {
	Addr string

	answer  atomic.Bool
	request atomic.Int64 // bytes until the cut, plus one; 0 is never
}

// NewCutter forwards to the TCP address upstream.
func NewCutter(t *testing.T, upstream string) *Cutter {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &Cutter{Addr: listener.Addr().String()}
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := new(net.Dialer).DialContext(t.Context(), "tcp", upstream)
			if err != nil {
				_ = client.Close()
				continue
			}
			mu.Lock()
			open[client], open[server] = true, true
			mu.Unlock()
			all.Go(func() { c.pass(server, client, c.cutsRequest) })
			all.Go(func() { c.pass(client, server, c.cutsAnswer) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return c
}

// NextAnswer breaks the connection instead of handing on what the service says next.
func (c *Cutter) NextAnswer() { c.answer.Store(true) }

// Request breaks the connection after n more bytes to the service.
func (c *Cutter) Request(n int) { c.request.Store(int64(n) + 1) }

// pass copies until an end closes or cuts says how many of the bytes still pass.
func (c *Cutter) pass(to, from net.Conn, cuts func(n int) (passes int, cut bool)) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		passes, cut := cuts(n)
		_, failed := to.Write(buffer[:passes])
		switch {
		case errors.Is(err, io.EOF) && !cut && failed == nil: // the other direction may go on
			_ = to.(*net.TCPConn).CloseWrite()
			return
		case failed != nil || cut || err != nil:
			_, _ = to.Close(), from.Close()
			return
		}
	}
}

func (c *Cutter) cutsAnswer(n int) (int, bool) {
	if n > 0 && c.answer.CompareAndSwap(true, false) {
		return 0, true
	}
	return n, false
}

func (c *Cutter) cutsRequest(n int) (int, bool) {
	left := c.request.Load()
	switch {
	case left == 0:
		return n, false
	case int64(n) >= left:
		c.request.Store(0)
		return int(left - 1), true
	}
	c.request.Add(-int64(n))
	return n, false
}
