package httppost

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Stream is a way to a service that reads bytes and never answers: TCP, TLS or
// a socket of the machine. Its methods may be called concurrently; what is sent
// goes one after the other.
type Stream struct {
	// Confirm has one connection for each Send: after the last byte we say that
	// no more comes, and the service's own end is the sign that it has read all.
	// Without it sent means handed to the operating system.
	Confirm bool
	// Connect makes the connection.
	Connect func(ctx context.Context) (net.Conn, error)

	mu   sync.Mutex
	conn net.Conn // nil: none, or it broke
}

// Send makes one attempt. After an error nothing is known of what has arrived.
func (s *Stream) Send(ctx context.Context, messages ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && isClosed(s.conn) {
		s.drop()
	}
	if s.conn == nil {
		conn, err := s.Connect(ctx)
		if err != nil {
			return networkError(ctx, err)
		}
		s.conn = conn
	}
	err := s.send(ctx, messages)
	if err != nil || s.Confirm {
		s.drop()
	}
	if err != nil {
		return networkError(ctx, err)
	}
	return nil
}

func (s *Stream) send(ctx context.Context, messages [][]byte) error {
	conn := s.conn
	_ = conn.SetDeadline(time.Time{})
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // interrupts
	for _, m := range messages {
		if _, err := conn.Write(m); err != nil {
			return err
		}
	}
	if !s.Confirm {
		return nil
	}
	return confirm(conn)
}

// confirm says that no more comes and waits for the service to end the other side.
func confirm(conn net.Conn) error {
	ways := []net.Conn{conn}
	if t, encrypted := conn.(*tls.Conn); encrypted {
		// Some end with TLS's last word, some when the connection below ends.
		ways = append(ways, t.NetConn())
	}
	for _, way := range ways {
		half, ok := way.(interface{ CloseWrite() error })
		if !ok {
			return errors.New("this kind of connection has no end to wait for")
		}
		if err := half.CloseWrite(); err != nil {
			return err
		}
	}
	for _, way := range ways {
		// Some end TLS without its last word; a reset is another error.
		if _, err := io.Copy(io.Discard, way); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("wait for the service to end the connection, which tells that it has read all: %w", err)
		}
	}
	// A server that is full accepts a connection and ends it at once.
	if n := unacknowledged(ways[len(ways)-1]); n > 0 {
		return errors.New("the service ended the connection before it had read all")
	}
	return nil
}

func (s *Stream) drop() {
	_ = s.conn.Close()
	s.conn = nil
}

// Close gives up the connection. It may be called again.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.drop()
	}
}

// isClosed finds out whether the other side has ended a connection meanwhile:
// what is written to it would be lost without an error.
func isClosed(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	defer func() { _ = conn.SetReadDeadline(time.Time{}) }()
	var one [1]byte
	_, err := conn.Read(one[:])
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}
