package otlp

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func TestVerdictsOfGRPC(t *testing.T) {
	e := &grpcExporter{}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		err := e.judge(t.Context(), status.Error(code, "text"))
		require.ErrorContains(t, err, code.String()+": text")
		switch code {
		case codes.InvalidArgument, codes.FailedPrecondition:
			assert.True(t, sinks.IsPermanent(err), code)
		case codes.Unauthenticated, codes.PermissionDenied, codes.NotFound, codes.Unimplemented:
			assert.True(t, sinks.IsStop(err), code)
		default:
			assert.False(t, sinks.IsStop(err) || sinks.IsPermanent(err), code)
		}
	}
}

func TestABrokenConnectionIsMadeAnew(t *testing.T) {
	service := newGRPCService(t)
	s, r := openedForOne(t, service.addr)
	for range 5 {
		require.NoError(t, s.Send(t.Context(), []sinks.Record{r}))
		service.Script(sinktest.Answer{Outcome: sinktest.ReplyLost})
		err := s.Send(t.Context(), []sinks.Record{r})
		require.Error(t, err)
		require.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))
	}
}

// gRPC's own pauses would be two minutes in the end, in which every attempt
// fails unseen. The clock only guards against that.
func TestAServerThatWasDownIsFoundAgain(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	require.NoError(t, listener.Close())
	s, r := openedForOne(t, addr)
	for range 3 {
		err := s.Send(t.Context(), []sinks.Record{r})
		require.Error(t, err)
		require.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))
	}
	newGRPCServiceAt(t, addr)
	require.Eventually(t, func() bool { return s.Send(t.Context(), []sinks.Record{r}) == nil }, 20*time.Second, 10*time.Millisecond)
}

func openedForOne(t *testing.T, addr string) (sinks.Sink, sinks.Record) {
	t.Helper()
	s, err := openWith(t, sinktest.Env(io.Discard), "protocol: grpc\nendpoint: http://"+addr)
	require.NoError(t, err)
	r, err := s.Encode(event.Sample())
	require.NoError(t, err)
	return s, r
}

func TestTLS(t *testing.T) {
	server := grpc.NewServer()
	service := &grpcService{t: t}
	collector.RegisterLogsServiceServer(server, service)
	// A gRPC server is an HTTP/2 handler too: the certificate is the test server's.
	https := httptest.NewUnstartedServer(server)
	https.EnableHTTP2 = true
	https.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	https.StartTLS()
	t.Cleanup(https.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: https.Certificate().Raw})
	require.NoError(t, os.WriteFile(ca, block, 0o600))

	config := "protocol: grpc\nendpoint: " + https.URL
	require.NoError(t, send(t, config+"\ntls: {caFile: "+ca+"}", event.Sample()))
	require.NoError(t, send(t, config+"\ntls: {insecureSkipVerify: true}", event.Sample()))
	err := send(t, config, event.Sample())
	require.ErrorContains(t, err, "not trusted")
	assert.True(t, sinks.IsStop(err))
	assert.Len(t, service.Deliveries(), 2)
}

// lateTimer is a context whose time is over by the clock before its timer says so.
type lateTimer struct{ context.Context }

func (lateTimer) Deadline() (time.Time, bool) { return time.Now(), true }

func TestTheEndOfOurTimeIsNoAnswerOfTheServer(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(errors.New("no answer within 50ms")) })
	err := (&grpcExporter{}).judge(lateTimer{ctx}, status.Error(codes.DeadlineExceeded, "stream terminated by RST_STREAM with error code: CANCEL"))
	require.EqualError(t, err, "no answer: no answer within 50ms")
}

func TestTimeoutIsTransient(t *testing.T) {
	service := newGRPCService(t)
	service.Script(sinktest.Answer{Outcome: sinktest.Silent})
	err := send(t, "protocol: grpc\ntimeout: 50ms\nendpoint: http://"+service.addr, event.Sample())
	require.EqualError(t, err, "export: no answer: no answer within 50ms")

	service.Script(sinktest.Answer{Outcome: sinktest.Throttled, After: throttle})
	err = send(t, "protocol: grpc\nendpoint: http://"+service.addr, event.Sample())
	assert.Equal(t, throttle, sinks.RetryDelay(err))
}
