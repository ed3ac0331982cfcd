// Package webhook sends events to an HTTP endpoint of the user's choice, one per
// request or many as a JSON array or as JSON lines.
//
// A 2xx answer means that the endpoint has taken the whole request; there is no
// partial success. Send makes one attempt and does not retry. Every receiver
// has a connection pool and TLS settings of its own. All methods may be called
// concurrently.
package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the webhook sink.
var Kind = sinks.NewKind("webhook", sinks.Oldest, defaults, open)

// concurrency keeps one receiver from taking all connections of an endpoint.
const concurrency = 4

type sink struct {
	config   Config
	client   *httppost.Client
	endpoint func(*event.Event) (string, error)
	headers  map[string]func(*event.Event) (string, error)
	payload  func(*event.Event) ([]byte, error)
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c, headers: map[string]func(*event.Event) (string, error){}}
	var err error
	if s.endpoint, err = c.Endpoint.Compile(env.Compiler); err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if s.headers[http.CanonicalHeaderKey(name)], err = c.Headers[name].Compile(env.Compiler); err != nil {
			return nil, fmt.Errorf("headers: %s: %w", name, err)
		}
	}
	if s.payload, err = env.Compiler.Payload(c.Payload); err != nil {
		return nil, err
	}
	if s.client, err = httppost.New(c.HTTP, env); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) Limits() sinks.Limits {
	if s.config.Batch.Mode == single {
		return sinks.Limits{Records: 1, Concurrency: concurrency}
	}
	room := s.config.Batch.Bytes - framing(s.config.Batch.Size)
	return sinks.Limits{
		Records: s.config.Batch.Size, Bytes: room, RecordBytes: room, Concurrency: concurrency,
	}
}

// target is where and with which headers an event is sent.
type target struct {
	endpoint string
	header   http.Header
}

func (s *sink) target(ev *event.Event) (target, error) {
	t := target{header: http.Header{"Content-Type": {s.config.Batch.Mode.contentType()}}}
	var err error
	if t.endpoint, err = s.endpoint(ev); err != nil {
		return target{}, fmt.Errorf("endpoint: %w", err)
	}
	t.endpoint = strings.TrimSpace(t.endpoint) // a token out of a file ends in a line break
	if _, err := httppost.ParseURL(t.endpoint); err != nil {
		return target{}, s.config.Endpoint.Position.Errorf("endpoint, as rendered for this event: %w", err)
	}
	for name, render := range s.headers {
		value, err := render(ev)
		if err != nil {
			return target{}, fmt.Errorf("headers: %s: %w", name, err)
		}
		t.header.Set(name, headerValue(value))
	}
	return t, nil
}

// key is the same for events that may share a request. It is a digest because
// endpoints and headers hold tokens, and a Key may be logged.
func (s *sink) key(t target) string {
	digest := sha256.New()
	write := func(text string) { _, _ = digest.Write(append([]byte(text), 0)) }
	write(t.endpoint)
	// With one event per request headers do not have to agree, and events of one endpoint stay in order.
	if s.config.Batch.Mode != single {
		for _, name := range slices.Sorted(maps.Keys(t.header)) {
			write(name)
			write(t.header.Get(name))
		}
	}
	return hex.EncodeToString(digest.Sum(nil)[:8])
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	t, err := s.target(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	body, err := s.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Key: s.key(t), Event: ev, Body: body}, nil
}

// EncodeDigest sends the digest's own JSON; endpoint and headers are those of its
// newest event.
func (s *sink) EncodeDigest(d *sinks.Digest) (sinks.Record, error) {
	t, err := s.target(d.Newest)
	if err != nil {
		return sinks.Record{}, err
	}
	body, err := d.Fit(s.Limits().RecordBytes, func(d *sinks.Digest) ([]byte, error) { return json.Marshal(d) })
	if err != nil {
		return sinks.Record{}, fmt.Errorf("digest: %w", err)
	}
	return sinks.Record{ID: d.ID, Key: s.key(t), Event: d.Newest, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if limit := s.Limits().Records; len(batch) > limit {
		return sinks.Permanent(fmt.Errorf("send: %d events for a request of at most %d", len(batch), limit))
	}
	if len(batch) == 0 {
		return nil
	}
	// The target of all of them: they share the Key.
	t, err := s.target(batch[0].Event)
	if err != nil {
		return sinks.Permanent(fmt.Errorf("send: %w", err))
	}
	if t.header.Get("Idempotency-Key") == "" {
		t.header.Set("Idempotency-Key", s.config.Batch.Mode.idempotencyKey(batch))
	}
	_, err = s.client.Send(ctx, httppost.Request{
		Method: s.config.Method, URL: t.endpoint, Header: t.header,
		Body: s.config.Batch.Mode.frame(batch), Gzip: s.config.Gzip,
		Username: s.config.Username, Password: s.config.Password,
	})
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

func (s *sink) Close(context.Context) error {
	s.client.Close()
	return nil
}
