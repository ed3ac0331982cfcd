package httppost

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// streamTo is a stream to a server that does with each connection as serve says.
func streamTo(t *testing.T, encrypt, confirm bool, serve func(net.Conn)) *Stream {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	certificate := httptest.NewTLSServer(nil)
	certificate.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if encrypt {
				conn = tls.Server(conn, certificate.TLS)
			}
			go serve(conn)
		}
	}()
	s := &Stream{Confirm: confirm, Connect: func(ctx context.Context) (net.Conn, error) {
		if encrypt {
			dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // on loopback
			return dialer.DialContext(ctx, "tcp", listener.Addr().String())
		}
		return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
	}}
	t.Cleanup(func() { s.Close(); _ = listener.Close() })
	return s
}

func eachWay(t *testing.T, test func(t *testing.T, encrypt bool)) {
	t.Helper()
	t.Run("TCP", func(t *testing.T) { test(t, false) })
	t.Run("TLS", func(t *testing.T) { test(t, true) })
}

func TestConfirmIsTheServersEndAfterItHasReadAll(t *testing.T) {
	eachWay(t, func(t *testing.T, encrypt bool) {
		got := make(chan []byte, 1)
		s := streamTo(t, encrypt, true, func(c net.Conn) {
			all, err := io.ReadAll(c)
			assert.NoError(t, err)
			if t, ok := c.(*tls.Conn); ok { // some wait for the end of what is below
				_, _ = io.Copy(io.Discard, t.NetConn())
			}
			got <- all
			_ = c.Close()
		})
		message := bytes.Repeat([]byte("x"), 1<<20)
		for range 3 {
			require.NoError(t, s.Send(t.Context(), message, message))
			require.Len(t, <-got, 2<<20)
		}
	})
}

// A server with too many connections accepts one more and ends it; a server that
// stops ends it anywhere. What is small it may have read before: that cannot be told.
func TestAnEarlyEndConfirmsNothing(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"at once":             func(c net.Conn) { _ = c.Close() },
		"after the handshake": func(c net.Conn) { shake(c); _ = c.Close() },
		"after a byte":        func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, encrypt bool) {
				s := streamTo(t, encrypt, true, serve)
				for range 5 {
					require.Error(t, s.Send(t.Context(), make([]byte, 4<<20)))
				}
			})
		})
	}
}

func shake(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		_ = t.Handshake()
	}
}

// Without confirm a connection is kept, and one that has ended is found before it is used.
func TestAnEndedConnectionIsNotUsedAgain(t *testing.T) {
	eachWay(t, func(t *testing.T, encrypt bool) {
		got, ended := make(chan byte), make(chan struct{})
		s := streamTo(t, encrypt, false, func(c net.Conn) {
			defer func() { _ = c.Close(); ended <- struct{}{} }()
			for range 2 {
				var one [1]byte
				if _, err := io.ReadFull(c, one[:]); err != nil {
					return
				}
				got <- one[0]
			}
		})
		for i := range 6 {
			require.NoError(t, s.Send(t.Context(), []byte{byte(i)}))
			require.Equal(t, byte(i), <-got)
			if i%2 == 1 {
				<-ended
			}
		}
	})
}

func TestASilentServerIsGivenUp(t *testing.T) {
	eachWay(t, func(t *testing.T, encrypt bool) {
		over := make(chan struct{})
		defer close(over)
		s := streamTo(t, encrypt, true, func(c net.Conn) { shake(c); <-over; _ = c.Close() })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, s.Send(ctx, make([]byte, 16<<20)), context.DeadlineExceeded)
	})
}
