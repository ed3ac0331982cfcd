package pubsub

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/packetboat/packetboat/sinks/sinktest"
)

// service is Google's fake of Pub/Sub, made to answer by script.
type service struct {
	pubsubpb.PublisherServer
	pstest *pstest.Server
	addr   string
	over   chan struct{}

	mu       sync.Mutex
	conns    []net.Conn
	script   []sinktest.Answer
	attempts int
	created  int
	refusal  error // of CreateTopic
	taken    []*pubsubpb.PubsubMessage
	requests []int // messages in each
}

func start(t *testing.T) *service {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &service{pstest: pstest.NewServer(), addr: listener.Addr().String(), over: make(chan struct{})}
	s.PublisherServer = &s.pstest.GServer
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxRequest + 1<<10))
	pubsubpb.RegisterPublisherServer(server, s)
	pubsubpb.RegisterSubscriberServer(server, &s.pstest.GServer)
	go func() { _ = server.Serve(&noting{listener, s}) }()
	t.Cleanup(func() {
		close(s.over)
		server.Stop()
		_ = s.pstest.Close()
	})
	return s
}

func (s *service) createTopic(t *testing.T) {
	t.Helper()
	_, err := s.pstest.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: "projects/boats/topics/events"})
	require.NoError(t, err)
}

// noting keeps the connections, to cut them.
type noting struct {
	net.Listener
	s *service
}

func (n *noting) Accept() (net.Conn, error) {
	conn, err := n.Listener.Accept()
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	n.s.conns = append(n.s.conns, conn)
	return conn, err
}

func (s *service) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
	s.conns = nil
}

func (s *service) CreateTopic(ctx context.Context, topic *pubsubpb.Topic) (*pubsubpb.Topic, error) {
	s.mu.Lock()
	s.created++
	s.mu.Unlock()
	if s.refusal != nil {
		return nil, s.refusal
	}
	return s.PublisherServer.CreateTopic(ctx, topic)
}

func (s *service) Publish(ctx context.Context, r *pubsubpb.PublishRequest) (*pubsubpb.PublishResponse, error) {
	a := s.next(len(r.GetMessages()))
	sent, _ := metadata.FromIncomingContext(ctx)
	said := "said by the service to " + strings.Join(sent.Get("authorization"), " ")
	switch a.Outcome {
	case sinktest.Unavailable:
		return nil, status.Error(codes.Unavailable, said)
	case sinktest.Throttled:
		refusal, err := status.New(codes.ResourceExhausted, said).WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(a.After)})
		if err != nil {
			panic(err)
		}
		return nil, refusal.Err()
	case sinktest.Malformed:
		return nil, status.Error(codes.InvalidArgument, said)
	case sinktest.Forbidden:
		return nil, status.Error(codes.PermissionDenied, said)
	case sinktest.Silent:
		select {
		case <-s.over:
		case <-ctx.Done():
		}
		return nil, status.Error(codes.Aborted, "over")
	}
	answer, err := s.PublisherServer.Publish(ctx, r)
	if err == nil {
		s.mu.Lock()
		s.taken = append(s.taken, r.GetMessages()...)
		s.mu.Unlock()
	}
	if a.Outcome == sinktest.ReplyLost {
		s.cut()
	}
	return answer, err
}

func (s *service) next(messages int) sinktest.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	s.requests = append(s.requests, messages)
	if len(s.script) == 0 {
		return sinktest.Answer{}
	}
	a := s.script[0]
	s.script = s.script[1:]
	return a
}

func (s *service) Script(answers ...sinktest.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, answers...)
}

func (s *service) Attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

func (s *service) messages() []*pubsubpb.PubsubMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

func (s *service) Deliveries() []sinktest.Delivery {
	var all []sinktest.Delivery
	for _, m := range s.messages() {
		all = append(all, sinktest.Delivery{Key: m.GetAttributes()[idAttribute], Body: m.GetData()})
	}
	return all
}
