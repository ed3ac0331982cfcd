// Package nats sends events to a stream of NATS JetStream.
//
// Accepted means that the stream has acknowledged the message. The messages of a
// batch are published one behind the other and their acknowledgements awaited
// together. Each carries the event's ID as Nats-Msg-Id, by which the stream drops
// repetitions within its duplicate window. Send makes one attempt and does not
// retry, nor does the client library. All methods may be called concurrently.
package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the NATS sink.
var Kind = sinks.NewKind("nats", sinks.Oldest, defaults, open)

const (
	concurrency = 4
	maxRecords  = 1000 // acknowledgements awaited at one time
)

type sink struct {
	config  Config
	dialer  *httppost.Dialer
	subject func(*event.Event) (string, error)
	headers map[string]func(*event.Event) (string, error)
	payload func(*event.Event) ([]byte, error)

	mu     sync.Mutex // guards client
	client *client    // nil until the first Send and after an interrupted one
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c, headers: map[string]func(*event.Event) (string, error){}}
	var err error
	if s.subject, err = env.Compiler.Template(c.Subject); err != nil {
		return nil, fmt.Errorf("subject: %w", err)
	}
	for _, name := range c.headerNames() {
		if s.headers[name], err = env.Compiler.Template(c.Headers[name]); err != nil {
			return nil, fmt.Errorf("headers: %s: %w", name, err)
		}
	}
	if s.payload, err = env.Compiler.Payload(c.Payload); err != nil {
		return nil, err
	}
	if s.dialer, err = httppost.NewDialer(c.TLS.TLS, c.encrypt(), env); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) Limits() sinks.Limits {
	return sinks.Limits{Records: maxRecords, RecordBytes: s.config.MaxPayload - headerBytes, Concurrency: concurrency}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	body, err := s.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	r := sinks.Record{ID: ev.ID(), Event: ev, Body: body}
	_, err = s.message(r)
	return r, err
}

// message is made new for every attempt: the library may still read one that
// was interrupted.
func (s *sink) message(r sinks.Record) (*natsgo.Msg, error) {
	subject, err := s.subject(r.Event)
	if err != nil {
		return nil, fmt.Errorf("subject: %w", err)
	}
	if err := checkSubject(subject); err != nil {
		return nil, s.config.Subject.Position.Errorf("subject, as rendered for this event: %w", err)
	}
	m := &natsgo.Msg{Subject: subject, Header: natsgo.Header{}, Data: bytes.Clone(r.Body)}
	for name, render := range s.headers {
		value, err := render(r.Event)
		if err != nil {
			return nil, fmt.Errorf("headers: %s: %w", name, err)
		}
		m.Header[name] = []string{value}
	}
	m.Header[jetstream.MsgIDHeader] = []string{r.ID}
	if s.config.Stream != "" {
		m.Header[jetstream.ExpectedStreamHeader] = []string{s.config.Stream}
	}
	return m, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := ctx.Err(); err != nil || len(batch) == 0 {
		return err
	}
	limits := s.Limits()
	if len(batch) > limits.Records {
		return sinks.Permanent(fmt.Errorf("send: %d events are more than %d", len(batch), limits.Records))
	}
	messages := make([]*natsgo.Msg, len(batch))
	for i, r := range batch {
		if len(r.Body) > limits.RecordBytes {
			return sinks.Permanent(fmt.Errorf("send: %d bytes are more than %d", len(r.Body), limits.RecordBytes))
		}
		var err error
		if messages[i], err = s.message(r); err != nil {
			return sinks.Permanent(fmt.Errorf("send: %w", err))
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.config.Timeout, fmt.Errorf("no answer within %s", s.config.Timeout))
	defer cancel()
	c := s.connect()
	done := make(chan error, 1)
	go func() { done <- c.publish(ctx, messages) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
	}
	var partial *sinks.PartialError
	switch {
	case ctx.Err() != nil:
		// What is connecting or writing is interrupted by cutting the connection.
		s.drop(c)
		return fmt.Errorf("send: no answer: %w", context.Cause(ctx))
	case err == nil, errors.As(err, &partial):
		return err
	}
	return fmt.Errorf("send: %w", err)
}

func (s *sink) connect() *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		s.client = newClient(s.config, s.dialer)
	}
	return s.client
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
