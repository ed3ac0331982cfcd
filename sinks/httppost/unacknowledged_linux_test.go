package httppost

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ended is a connection whose other side says that it ends, as it may before what
// we write arrives there. On loopback its reset would be faster than we are.
type ended struct{ *net.TCPConn }

// WriteTo is how io.Copy reads: there is nothing.
func (ended) WriteTo(io.Writer) (int64, error) { return 0, nil }

// Write leaves as much on the way as fits there.
func (e ended) Write(b []byte) (int, error) {
	_ = e.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = e.TCPConn.Write(b)
	return len(b), nil
}

func TestAnEndThatCrossesWhatWeWriteConfirmsNothing(t *testing.T) {
	s := streamTo(t, false, true, func(net.Conn) {})
	dial := s.Connect
	s.Connect = func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		require.NoError(t, err)
		return ended{conn.(*net.TCPConn)}, nil
	}
	require.ErrorContains(t, s.Send(t.Context(), make([]byte, 16<<20)), "before it had read all")
}
