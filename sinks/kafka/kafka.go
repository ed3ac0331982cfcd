// Package kafka sends events to topics of a Kafka cluster.
//
// Accepted means that all in-sync replicas have the message (acks=all, unless
// the Config says less). Send makes one attempt: one produce request to each
// broker that leads a partition of the batch, and no repetition. That is why
// sarama's client and brokers are used here and not its producer, which repeats
// by itself, must do so to be idempotent, cuts a batch by the clock and cannot
// be interrupted. With idempotent, which is the default, a batch that comes
// again after a lost answer is recognised by the brokers and stored once; see
// sequences. Messages of one key stay in order. All methods may be called
// concurrently.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the Kafka sink.
var Kind = sinks.NewKind("kafka", sinks.Oldest, defaults, open)

type sink struct {
	config   Config
	dialer   *httppost.Dialer
	awsToken func(context.Context) (string, error) // for aws-msk-iam
	numbers  *sequences                            // nil without idempotence
	now      func() time.Time
	topic    func(*event.Event) (string, error)
	key      func(*event.Event) (string, error)
	headers  map[string]func(*event.Event) (string, error)
	payload  func(*event.Event) ([]byte, error)

	mu      sync.Mutex           // guards what follows
	client  *client              // nil until the first Send and after an interrupted one
	missing map[string]time.Time // topics that were not there, since when
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c, headers: map[string]func(*event.Event) (string, error){}, missing: map[string]time.Time{}, now: env.Now}
	var err error
	if s.topic, err = env.Compiler.Template(c.Topic); err != nil {
		return nil, fmt.Errorf("topic: %w", err)
	}
	if s.key, err = env.Compiler.Template(c.Key); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	for _, name := range c.headerNames() {
		if s.headers[name], err = env.Compiler.Template(c.Headers[name]); err != nil {
			return nil, fmt.Errorf("headers: %s: %w", name, err)
		}
	}
	if s.payload, err = newPayload(c, env.Compiler); err != nil {
		return nil, err
	}
	if s.dialer, err = httppost.NewDialer(c.TLS.TLS, c.TLS.Enable, env); err != nil {
		return nil, err
	}
	if c.idempotent() {
		s.numbers = newSequences(env.Log)
	}
	if s.awsToken, err = c.SASL.iam(env); err != nil {
		return nil, err
	}
	return s, nil
}

// concurrency without idempotence; with it batches are numbered one after the other.
const concurrency = 4

func (s *sink) Limits() sinks.Limits {
	limits := sinks.Limits{
		// An eighth is for the keys, the headers and the framing of the messages.
		Bytes:       s.config.MaxMessageBytes - s.config.MaxMessageBytes/8,
		Concurrency: concurrency,
	}
	limits.RecordBytes = limits.Bytes
	if s.config.idempotent() {
		limits.Concurrency = 1
	}
	return limits
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	topic, err := s.topic(ev)
	if err != nil {
		return sinks.Record{}, fmt.Errorf("topic: %w", err)
	}
	topic = strings.TrimSpace(topic)
	if err := checkTopic(topic); err != nil {
		return sinks.Record{}, s.config.Topic.Position.Errorf("topic, as rendered for this event: %w", err)
	}
	if _, err := s.frame(ev); err != nil {
		return sinks.Record{}, err
	}
	body, err := s.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Key: topic, Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := ctx.Err(); err != nil || len(batch) == 0 {
		return err
	}
	sum := 0
	for _, r := range batch {
		sum += len(r.Body)
	}
	if limit := s.Limits().Bytes; sum > limit {
		return sinks.Permanent(fmt.Errorf("send: %d bytes are more than %d", sum, limit))
	}
	messages, err := s.messages(batch)
	if err != nil {
		return sinks.Permanent(fmt.Errorf("send: %w", err))
	}
	c, err := s.connect()
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- c.produce(batch[0].Key, messages) }()
	select {
	case err := <-done:
		return s.verdict(ctx, batch[0].Key, err)
	case <-ctx.Done():
		// sarama knows no context: cutting its connections is what interrupts it.
		s.drop(c)
		return fmt.Errorf("send: no answer: %w", context.Cause(ctx))
	}
}

// verdict judges what is the fault of the topic here, since it depends on who
// chose it.
func (s *sink) verdict(ctx context.Context, topic string, err error) error {
	var topicErr *topicError
	switch {
	case err == nil:
		s.found(topic)
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("send: no answer: %w", context.Cause(ctx))
	case !errors.As(err, &topicErr):
		return fmt.Errorf("send: %w", err)
	}
	err = fmt.Errorf("send: topic %s: %w", topic, err)
	if topicErr.missing && s.config.AutoCreateTopic && s.mayCome(topic) {
		return err
	}
	if s.config.topicIsConstant() {
		return sinks.Stop(err)
	}
	// The event chose the topic: it must not stop all the others.
	return sinks.Permanent(err)
}

// creating is how long a broker may take to create a topic: it denies the topic
// until then.
const creating = 10 * time.Second

// mayCome reports whether a topic that is missing may be on its way.
func (s *sink) mayCome(topic string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.missing[topic].IsZero() {
		s.missing[topic] = now
	}
	return now.Sub(s.missing[topic]) < creating
}

func (s *sink) found(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.missing, topic)
}

func (s *sink) connect() (*client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		c, err := s.newClient()
		if err != nil {
			return nil, err
		}
		s.client = c
	}
	return s.client, nil
}

func (s *sink) drop(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == c {
		s.client = nil
	}
	c.cut()
}

func (s *sink) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		s.client.cut()
		s.client = nil
	}
	return nil
}
