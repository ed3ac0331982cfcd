// Package logstash sends events to a tcp input of Logstash as JSON lines, or to an
// http input as a JSON array.
//
// An http input answers when all events of a request are in Logstash's queue: that
// is accepted. A tcp input answers nothing. Accepted means there that it has read
// the whole batch: after the last byte we say that no more comes, and wait for it
// to end the connection (unless confirm is off). What a queue in memory holds is
// lost with Logstash; a persistent queue is not. Send makes one attempt and does
// not retry. All methods may be called concurrently.
package logstash

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the Logstash sink.
var Kind = sinks.NewKind("logstash", sinks.Oldest, defaults, open)

type sink struct {
	config  Config
	payload func(*event.Event) ([]byte, error)
	client  *httppost.Client // of an http input
	stream  *httppost.Stream // of a tcp input
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	u, err := c.address()
	if err != nil {
		return nil, err
	}
	if err := c.check(u); err != nil {
		return nil, err
	}
	s := &sink{config: c}
	if s.payload, err = env.Compiler.Payload(c.Payload); err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "http", "https":
		s.client, err = httppost.New(c.HTTP, env)
		return s, err
	}
	dialer, err := httppost.NewDialer(c.HTTP.TLS, u.Scheme == "tls", env)
	if err != nil {
		return nil, err
	}
	s.stream = &httppost.Stream{
		Confirm: c.Confirm,
		Connect: func(ctx context.Context) (net.Conn, error) { return dialer.Dial(ctx, "tcp", u.Host) },
	}
	return s, nil
}

// Limits: a batch after the other, so that what is slow there slows us down here.
func (s *sink) Limits() sinks.Limits { return sinks.Limits{Concurrency: 1} }

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	body, err := s.document(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := ctx.Err(); err != nil || len(batch) == 0 {
		return err
	}
	if err := s.send(ctx, batch); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

func (s *sink) send(ctx context.Context, batch []sinks.Record) error {
	if s.stream != nil {
		timeout := s.config.HTTP.Timeout
		ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not done within %s", timeout))
		defer cancel()
		return s.stream.Send(ctx, lines(batch))
	}
	_, err := s.client.Send(ctx, httppost.Request{
		URL: s.config.URL.Reveal(), Body: array(batch), Gzip: s.config.Gzip,
		Username: s.config.Username, Password: s.config.Password,
		Header: http.Header{"Content-Type": {"application/json"}},
	})
	return err
}

func (s *sink) Close(context.Context) error {
	if s.stream != nil {
		s.stream.Close()
	} else {
		s.client.Close()
	}
	return nil
}
