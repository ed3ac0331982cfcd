// Package pubsub publishes events to a topic of Google Cloud Pub/Sub.
//
// A batch is one publish request, which the service takes or refuses as a
// whole; accepted means that it has answered with a message ID for each. Send
// makes one attempt and does not retry: it calls the API itself, since the
// library's Publisher batches and retries behind the caller's back. A topic that
// is missing and may be created is created on the way. Nothing is connected and
// no credentials are looked for before the first Send. All methods may be called
// concurrently.
package pubsub

import (
	"context"
	"errors"
	"fmt"

	apiv1 "cloud.google.com/go/pubsub/v2/apiv1"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/gcpclient"
)

// Kind is the pubsub sink.
var Kind = sinks.NewKind("pubsub", sinks.Oldest, defaults, open)

const (
	scope = "https://www.googleapis.com/auth/pubsub"
	// concurrency is enough to fill a request while others wait for their answer.
	concurrency = 4
)

type sink struct {
	config    Config
	client    *gcpclient.Client[*apiv1.TopicAdminClient]
	templates templates
	payload   func(*event.Event) ([]byte, error)
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	c.GCP = c.GCP.WithEmulator("PUBSUB_EMULATOR_HOST")
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c}
	var err error
	if s.templates, err = c.compile(env.Compiler); err != nil {
		return nil, err
	}
	if s.payload, err = env.Compiler.Payload(c.Payload); err != nil {
		return nil, err
	}
	s.client = gcpclient.New(c.GCP, scope, env, func(ctx context.Context, options ...option.ClientOption) (*apiv1.TopicAdminClient, error) {
		client, err := apiv1.NewTopicAdminClient(ctx, append(options, c.GCP.GRPC()...)...)
		if err != nil {
			return nil, err
		}
		// Its call options are when to retry and how long to wait: both are the caller's.
		client.CallOptions.Publish, client.CallOptions.CreateTopic = nil, nil
		return client, nil
	})
	return s, nil
}

func (s *sink) Limits() sinks.Limits {
	limits := sinks.Limits{Records: maxMessages, Bytes: maxBytes, RecordBytes: maxBytes, Concurrency: concurrency}
	if !s.config.OrderingKey.IsZero() {
		limits.Concurrency = 1 // two requests under way may arrive in any order
	}
	return limits
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	body, err := s.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	if _, err := s.templates.attributesOf(ev); err != nil {
		return sinks.Record{}, err
	}
	key, err := s.templates.orderingKeyOf(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Key: key, Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if len(batch) == 0 {
		return nil
	}
	request, err := s.request(batch)
	if err != nil {
		return sinks.Permanent(fmt.Errorf("publish: %w", err))
	}
	client, err := s.client.Get(ctx)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	err = s.publish(ctx, client, request)
	if s.config.CreateTopic && status.Code(err) == codes.NotFound {
		if err := s.createTopic(ctx, client); err != nil {
			return fmt.Errorf("create the topic: %w", gcpclient.NotTheRecord(s.client.Explain(ctx, err)))
		}
		if err = s.publish(ctx, client, request); status.Code(err) == codes.NotFound {
			return errors.New("publish: the topic was created and cannot be seen yet")
		}
	}
	if err != nil {
		return fmt.Errorf("publish: %w", s.client.Explain(ctx, err))
	}
	return nil
}

func (s *sink) request(batch []sinks.Record) (*pubsubpb.PublishRequest, error) {
	if len(batch) > maxMessages {
		return nil, fmt.Errorf("%d messages are more than %d", len(batch), maxMessages)
	}
	request := &pubsubpb.PublishRequest{Topic: s.config.topic()}
	bytes := 0
	for _, r := range batch {
		message, err := s.templates.message(r)
		if err != nil {
			return nil, err
		}
		request.Messages = append(request.Messages, message)
		bytes += len(r.Body)
	}
	if bytes > maxBytes || proto.Size(request) > maxRequest {
		return nil, fmt.Errorf("%d bytes of payload, and their attributes, are more than a request takes", bytes)
	}
	return request, nil
}

func (s *sink) publish(ctx context.Context, client *apiv1.TopicAdminClient, request *pubsubpb.PublishRequest) error {
	answer, err := client.Publish(ctx, request)
	if err != nil {
		return err
	}
	if got, want := len(answer.GetMessageIds()), len(request.GetMessages()); got != want {
		return status.Errorf(codes.Internal, "%d message IDs for %d messages", got, want)
	}
	return nil
}

// createTopic may be called by two receivers at once, or find a topic that
// somebody made a moment ago.
func (s *sink) createTopic(ctx context.Context, client *apiv1.TopicAdminClient) error {
	_, err := client.CreateTopic(ctx, &pubsubpb.Topic{Name: s.config.topic()})
	if status.Code(err) == codes.AlreadyExists {
		return nil
	}
	return err
}

func (s *sink) Close(context.Context) error { return s.client.Close() }
