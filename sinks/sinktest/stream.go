package sinktest

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// StreamService is a Service that reads a TCP connection to its end and says
// nothing but its own end. An attempt is a connection.
type StreamService struct {
	Addr string

	split func(all []byte) [][]byte
	over  chan struct{}

	mu         sync.Mutex
	script     []Answer
	attempts   int
	deliveries []Delivery
}

// NewStreamService starts a server on listener, or on loopback if that is nil. It
// takes what a connection brought apart with split.
func NewStreamService(t *testing.T, listener net.Listener, split func(all []byte) [][]byte) *StreamService {
	t.Helper()
	if listener == nil {
		var err error
		listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
	}
	s := &StreamService{Addr: listener.Addr().String(), split: split, over: make(chan struct{})}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		close(s.over)
		assert.NoError(t, listener.Close())
		all.Wait()
	})
	return s
}

func (s *StreamService) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	var first [1]byte
	if _, err := io.ReadFull(conn, first[:]); err != nil {
		return // opened and closed
	}
	a := s.begin()
	if a.Outcome == Unavailable {
		reset(conn)
		return
	}
	if a.Outcome == Silent {
		<-s.over
		return
	}
	rest, err := io.ReadAll(conn)
	if err != nil {
		return // broken off: whoever sent it knows that it is not there
	}
	s.mu.Lock()
	for _, body := range s.split(append(first[:], rest...)) {
		s.deliveries = append(s.deliveries, Delivery{Body: body})
	}
	s.mu.Unlock()
	if a.Outcome == ReplyLost {
		reset(conn)
	}
}

func (s *StreamService) begin() Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	var a Answer
	if len(s.script) > 0 {
		a, s.script = s.script[0], s.script[1:]
	}
	return a
}

// reset ends a connection as a crash does.
func reset(conn net.Conn) {
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
}

// Script implements Service.
func (s *StreamService) Script(answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, answers...)
}

// Attempts implements Service.
func (s *StreamService) Attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

// Deliveries implements Service.
func (s *StreamService) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}
