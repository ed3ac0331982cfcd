package otlp

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/packetboat/packetboat/sinks/sinktest"
)

// taken are the records of a request, each as the request that it would be alone.
func taken(t *testing.T, request *collector.ExportLogsServiceRequest) (got []sinktest.Delivery) {
	t.Helper()
	for _, about := range request.GetResourceLogs() {
		one := &collector.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{about}}
		body, err := proto.MarshalOptions{Deterministic: true}.Marshal(one)
		assert.NoError(t, err)
		got = append(got, sinktest.Delivery{Body: body})
	}
	return got
}

// newHTTPService is a collector's receiver for HTTP.
func newHTTPService(t *testing.T) *sinktest.HTTPService {
	t.Helper()
	return sinktest.NewHTTPService(t, func(r *http.Request, body []byte) []sinktest.Delivery {
		assert.Equal(t, logsPath, r.URL.Path)
		assert.Equal(t, "application/x-protobuf", r.Header.Get("Content-Type"))
		var request collector.ExportLogsServiceRequest
		assert.NoError(t, proto.Unmarshal(body, &request))
		return taken(t, &request)
	})
}

// grpcService is a collector's receiver for gRPC: a real server on loopback.
type grpcService struct {
	collector.UnimplementedLogsServiceServer
	t        *testing.T
	addr     string
	listener *breakable
	over     chan struct{}

	mu         sync.Mutex
	script     []sinktest.Answer
	attempts   int
	deliveries []sinktest.Delivery
}

func newGRPCService(t *testing.T) *grpcService { return newGRPCServiceAt(t, "127.0.0.1:0") }

func newGRPCServiceAt(t *testing.T, addr string) *grpcService {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	s := &grpcService{t: t, addr: listener.Addr().String(), listener: &breakable{Listener: listener}, over: make(chan struct{})}
	server := grpc.NewServer()
	collector.RegisterLogsServiceServer(server, s)
	go func() { _ = server.Serve(s.listener) }()
	t.Cleanup(func() {
		close(s.over)
		server.Stop()
	})
	return s
}

func (s *grpcService) Script(answers ...sinktest.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, answers...)
}

func (s *grpcService) Attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

func (s *grpcService) Deliveries() []sinktest.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

func (s *grpcService) take(got []sinktest.Delivery) (a sinktest.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	if len(s.script) > 0 {
		a, s.script = s.script[0], s.script[1:]
	}
	if a.Outcome == sinktest.Accepted || a.Outcome == sinktest.ReplyLost {
		s.deliveries = append(s.deliveries, got...)
	}
	return a
}

func (s *grpcService) Export(ctx context.Context, r *collector.ExportLogsServiceRequest) (*collector.ExportLogsServiceResponse, error) {
	a := s.take(taken(s.t, r))
	sent, _ := metadata.FromIncomingContext(ctx)
	text := fmt.Sprintf("cannot take %v", sent.Get("x-token"))
	switch a.Outcome {
	case sinktest.Unavailable:
		return nil, status.Error(codes.Unavailable, text)
	case sinktest.Throttled:
		throttled := status.New(codes.ResourceExhausted, text)
		if a.After > 0 {
			throttled, _ = throttled.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(a.After)})
		}
		return nil, throttled.Err()
	case sinktest.Malformed:
		return nil, status.Error(codes.InvalidArgument, text)
	case sinktest.Forbidden:
		return nil, status.Error(codes.PermissionDenied, text)
	case sinktest.ReplyLost:
		s.listener.breakAll()
		<-ctx.Done()
	case sinktest.Silent:
		<-s.over // not ctx: what it says then could arrive before the client's own end
	}
	return &collector.ExportLogsServiceResponse{}, nil
}

// breakable is a listener whose connections can be broken.
type breakable struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (b *breakable) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err == nil {
		b.mu.Lock()
		b.conns = append(b.conns, conn)
		b.mu.Unlock()
	}
	return conn, err
}

func (b *breakable) breakAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		_ = c.Close()
	}
	b.conns = nil
}

// throttle is a delay that no clock in a test waits for.
const throttle = 7 * time.Second
