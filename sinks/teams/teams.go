// Package teams sends events to a channel or chat of Microsoft Teams, one
// message each: as an Adaptive Card to a workflow, or in the format of the older
// connectors.
//
// A workflow's 202 means that it has begun with the message, a connector's 200
// that Teams has it, unless its text says otherwise. Teams knows no key of a
// message: one whose answer was lost comes twice. Send makes one attempt and does
// not retry. All methods may be called concurrently.
package teams

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the teams sink.
var Kind = sinks.NewKind("teams", sinks.Now, defaults, open)

// maxBytes is the documented size of a message, 28 KB, in the stricter reading.
const maxBytes = 28_000

type sink struct {
	endpoint string
	client   *httppost.Client
	headers  map[string]func(*event.Event) (string, error)
	message  message
	// hidesErrors is true of connectors: they report in a 200 what Teams said.
	hidesErrors bool
}

// message is a format: a message of one event, and one of a digest. Both are
// complete requests.
type message interface {
	event(ev *event.Event) ([]byte, error)
	digest(d *sinks.Digest) ([]byte, error)
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{
		endpoint: c.url(), hidesErrors: c.format() == connector,
		headers: map[string]func(*event.Event) (string, error){},
	}
	var err error
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if s.headers[http.CanonicalHeaderKey(name)], err = c.Headers[name].Compile(env.Compiler); err != nil {
			return nil, fmt.Errorf("headers: %s: %w", name, err)
		}
	}
	if s.message, err = newMessage(c, env.Compiler); err != nil {
		return nil, err
	}
	if s.client, err = httppost.New(c.HTTP, env); err != nil {
		return nil, err
	}
	return s, nil
}

// Limits: one message per request, and one request at a time, so that the
// messages of a channel stay in order.
func (s *sink) Limits() sinks.Limits {
	return sinks.Limits{Records: 1, RecordBytes: maxBytes, Concurrency: 1}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	if _, err := s.header(ev, ""); err != nil {
		return sinks.Record{}, err
	}
	body, err := shorten(ev, maxBytes, s.message.event)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, nil
}

// EncodeDigest makes one message; the headers are those of its newest event.
func (s *sink) EncodeDigest(d *sinks.Digest) (sinks.Record, error) {
	if _, err := s.header(d.Newest, ""); err != nil {
		return sinks.Record{}, err
	}
	body, err := d.Fit(maxBytes, s.message.digest)
	if err != nil {
		return sinks.Record{}, fmt.Errorf("digest: %w", err)
	}
	return sinks.Record{ID: d.ID, Event: d.Newest, Body: body}, nil
}

// trackingID is a header that a workflow shows in the history of its runs.
const trackingID = "X-Ms-Client-Tracking-Id"

func (s *sink) header(ev *event.Event, id string) (http.Header, error) {
	// Without a charset connectors count two bytes for each character.
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}, trackingID: {headerValue(id)}}
	for name, render := range s.headers {
		value, err := render(ev)
		if err != nil {
			return nil, fmt.Errorf("headers: %s: %w", name, err)
		}
		h.Set(name, headerValue(value))
	}
	return h, nil
}

// headerValue drops control characters: what comes out of an event must not
// begin a header of its own.
func headerValue(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	switch {
	case len(batch) == 0:
		return nil
	case len(batch) > 1:
		return sinks.Permanent(fmt.Errorf("send: %d events for a request of one", len(batch)))
	}
	header, err := s.header(batch[0].Event, batch[0].ID)
	if err != nil {
		return sinks.Permanent(fmt.Errorf("send: %w", err))
	}
	request := httppost.Request{URL: s.endpoint, Header: header, Body: batch[0].Body}
	if s.hidesErrors {
		request.AnswerBytes = answerBytes
	}
	answer, err := s.client.Send(ctx, request)
	switch {
	case err == nil && s.hidesErrors:
		err = hiddenError(answer)
	case err != nil && answer != nil && isOff(answer):
		err = sinks.Stop(err)
	}
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

func (s *sink) Close(context.Context) error {
	s.client.Close()
	return nil
}
