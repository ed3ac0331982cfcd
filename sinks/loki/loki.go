// Package loki pushes events to Grafana Loki, as protobuf, many streams in one
// request.
//
// Accepted means that Loki took the whole request. An entry that it refuses, as
// one that is too old, is permanent for that entry: Loki does not say which it
// means, so that the batch is cut until it is alone, and an entry that is sent
// again with the same time and line is stored once. Send makes one attempt and
// does not retry. All methods may be called concurrently.
package loki

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the loki sink.
var Kind = sinks.NewKind("loki", sinks.Oldest, defaults, open)

const (
	maxRequest = 4 << 20   // server.grpc_server_max_recv_msg_size: distributors hand a push on as one message
	maxBytes   = 3 << 20   // of lines, which leaves a quarter for labels and metadata
	maxLine    = 256 << 10 // limits_config.max_line_size

	// concurrency keeps one receiver from taking a tenant's whole ingestion rate.
	concurrency = 4
)

type sink struct {
	client       *httppost.Client
	url          string
	username     string
	password     secret.String
	now          func() time.Time
	streamLabels templates
	metadata     templates
	headers      templates // the tenant is one
	payload      func(*event.Event) ([]byte, error)
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{username: c.Username, password: c.Password, now: env.Now}
	var err error
	if s.url, err = c.address(); err != nil {
		return nil, err
	}
	if s.streamLabels, err = compile("streamLabels", c.StreamLabels, env.Compiler.Template); err != nil {
		return nil, err
	}
	if s.metadata, err = compile("structuredMetadata", c.StructuredMetadata, env.Compiler.Template); err != nil {
		return nil, err
	}
	header := func(t sinks.SecretTemplate) (func(*event.Event) (string, error), error) {
		return t.Compile(env.Compiler)
	}
	if s.headers, err = compile("headers", c.Headers, header); err != nil {
		return nil, err
	}
	if !c.Tenant.IsZero() {
		if s.headers[tenantHeader], err = env.Compiler.Template(c.Tenant); err != nil {
			return nil, fmt.Errorf("tenant: %w", err)
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
	return sinks.Limits{Bytes: maxBytes, RecordBytes: maxLine, Concurrency: concurrency}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	line, err := s.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	// Rendered again by Send: here they are to find out what can never be sent.
	if _, err := s.labels(ev); err != nil {
		return sinks.Record{}, err
	}
	if _, err := s.entry(sinks.Record{Event: ev}); err != nil {
		return sinks.Record{}, err
	}
	key, err := s.key(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Key: key, Event: ev, Body: line}, nil
}

// key is the same for events that may share a request. It is a digest because
// headers hold tokens, and a Key may be logged.
func (s *sink) key(ev *event.Event) (string, error) {
	header, err := s.header(ev)
	if err != nil {
		return "", err
	}
	digest := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(header)) {
		_, _ = fmt.Fprintf(digest, "%s\x00%s\x00", name, header.Get(name))
	}
	return hex.EncodeToString(digest.Sum(nil)[:8]), nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if len(batch) == 0 {
		return nil
	}
	body, err := s.request(batch)
	if err != nil {
		return sinks.Permanent(fmt.Errorf("push: %w", err))
	}
	header, err := s.header(batch[0].Event)
	if err != nil {
		return sinks.Permanent(fmt.Errorf("push: %w", err))
	}
	answer, err := s.client.Send(ctx, httppost.Request{
		URL: s.url, Header: header, Username: s.username, Password: s.password, Body: body,
	})
	if err != nil {
		return fmt.Errorf("push: %w", judge(err, answer))
	}
	return nil
}

// judge finds what Loki says with a status of another meaning.
func judge(err error, answer *httppost.Answer) error {
	switch {
	case answer == nil:
		return err
	case answer.Status == http.StatusInternalServerError && bytes.Contains(answer.Body, []byte("larger than max")):
		// From the gRPC between its parts. Smaller pushes get through.
		return sinks.Permanent(err)
	case answer.Status == http.StatusBadRequest && bytes.Contains(answer.Body, []byte("includes structured metadata, but this feature is disallowed")):
		return sinks.Stop(err) // it is the configuration's, Loki's or ours
	}
	return err
}

func (s *sink) Close(context.Context) error {
	s.client.Close()
	return nil
}
