// Package bulk is what the sinks elasticsearch and opensearch have in common: the
// bulk API, through whichever client library knows the service's addresses and
// credentials.
//
// One request carries a batch, whatever indices its events go to. Accepted means
// that the service reported success for the item; the items that it refused are
// named in a sinks.PartialError. Send makes one attempt and does not retry.
// A document's _id is made of the event's, so that a repetition replaces itself.
// All methods may be called concurrently.
package bulk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

const (
	// maxBytes is what the smallest instances of Amazon OpenSearch Service take as
	// a request; both services take 100 MiB unless they are told otherwise.
	maxBytes = 10 << 20
	// answerBytes is more than a thousand items that were all refused at length.
	answerBytes = 16 << 20
	// concurrency keeps one receiver from filling a node's write queue.
	concurrency = 4
)

// Client is a client library's transport: it chooses a node and adds credentials.
type Client interface {
	Perform(req *http.Request) (*http.Response, error)
}

// Connect makes the Client that sends through transport, with header in every
// request. It reaches nothing: Open calls it.
type Connect func(transport http.RoundTripper, header http.Header) (Client, error)

type sink struct {
	config  Config
	encoder *encoder
	http    *httppost.Client
	client  Client
}

// Open opens a sink that connects by connect.
func Open(c Config, env sinks.Env, connect Connect) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c}
	var err error
	if s.encoder, err = newEncoder(c, env.Compiler); err != nil {
		return nil, err
	}
	if s.http, err = httppost.New(c.HTTP, env); err != nil {
		return nil, err
	}
	header := http.Header{"User-Agent": {strings.TrimSuffix("packetboat/"+env.Version, "/")}}
	for name, value := range c.Headers {
		header.Set(name, value.Reveal())
	}
	if s.client, err = connect(s.http.RoundTripper(answerBytes), header); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) Limits() sinks.Limits {
	return sinks.Limits{Bytes: maxBytes, RecordBytes: maxBytes, Concurrency: concurrency}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) { return s.encoder.encode(ev) }

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if len(batch) == 0 {
		return nil
	}
	req, err := s.request(ctx, batch)
	if err != nil {
		return sinks.Stop(fmt.Errorf("bulk: %w", err))
	}
	resp, err := s.client.Perform(req)
	if err != nil && s.config.Type != "" && strings.Contains(err.Error(), unknownType) {
		return sinks.Stop(errors.New("bulk: the service knows no mapping types: leave out the key type"))
	}
	if err != nil {
		return fmt.Errorf("bulk: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("bulk: read the answer: %w", err)
	}
	return judge(body, len(batch))
}

func (s *sink) request(ctx context.Context, batch []sinks.Record) (*http.Request, error) {
	var body bytes.Buffer
	for _, r := range batch {
		body.Write(r.Body)
	}
	// The rest of an answer would be as long as the request.
	query := url.Values{"filter_path": {"errors,error,items.*.status,items.*.error.type,items.*.error.reason"}}
	if s.config.Pipeline != "" {
		query.Set("pipeline", s.config.Pipeline)
	}
	if s.config.Refresh != "" {
		query.Set("refresh", s.config.Refresh)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "/_bulk?"+query.Encode(), &body)
	if err != nil {
		return nil, errors.New("make the request")
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	return req, nil
}

// Close gives up idle connections.
func (s *sink) Close(context.Context) error {
	s.http.Close()
	return nil
}
