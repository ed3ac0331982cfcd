// Package splunk sends events to Splunk's HTTP Event Collector, many in one
// request.
//
// Accepted means that the collector took the request, or with ack that what was
// in it is indexed: only then nothing is lost if an indexer fails. Send makes one
// attempt and does not retry; with ack it asks for the state of that attempt
// until its time is over. All methods may be called concurrently.
package splunk

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the splunk sink.
var Kind = sinks.NewKind("splunk", sinks.Oldest, defaults, open)

const (
	// maxBytes is what Splunk Cloud takes as a request; a server of one's own takes
	// 800 times as much (limits.conf, http_input, max_content_length).
	maxBytes = 1_000_000
	// concurrency keeps one receiver from filling the collector's queue.
	concurrency = 4
)

type sink struct {
	config  Config
	encoder *encoder
	client  *httppost.Client
	events  string
	acks    string
	header  http.Header
	timeout time.Duration
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c, timeout: c.HTTP.Timeout, header: header(c.Token, c.Channel)}
	if s.timeout == 0 {
		s.timeout = httppost.DefaultTimeout
	}
	var err error
	if s.events, s.acks, err = c.addresses(); err != nil {
		return nil, err
	}
	if s.encoder, err = newEncoder(c, env.Compiler); err != nil {
		return nil, err
	}
	if s.client, err = httppost.New(c.HTTP, env); err != nil {
		return nil, err
	}
	return s, nil
}

func header(token secret.String, channel string) http.Header {
	if channel == "" {
		b := make([]byte, 16)
		_, _ = rand.Read(b) // it never fails
		channel = fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	}
	return http.Header{
		"Authorization":            {"Splunk " + token.Reveal()},
		"Content-Type":             {"application/json"},
		"X-Splunk-Request-Channel": {channel},
	}
}

func (s *sink) Limits() sinks.Limits {
	return sinks.Limits{Bytes: maxBytes, RecordBytes: maxBytes, Concurrency: concurrency}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	body, err := s.encoder.encode(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if len(batch) == 0 {
		return nil
	}
	var body bytes.Buffer
	for _, r := range batch {
		body.Write(r.Body) // one after the other, and nothing in between
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("not indexed within %s", s.timeout))
	defer cancel()
	a, err := s.post(ctx, s.events, body.Bytes(), s.config.Gzip)
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	if !s.config.Ack {
		return nil
	}
	if a.AckID == nil {
		return sinks.Stop(errors.New("send: the answer has no ackId: enable indexer acknowledgement for the token"))
	}
	return s.indexed(ctx, *a.AckID)
}

// answer is the collector's.
type answer struct {
	Code  int             `json:"code"`
	AckID *int64          `json:"ackId"`
	Acks  map[string]bool `json:"acks"`
}

func (s *sink) post(ctx context.Context, url string, body []byte, gzip bool) (answer, error) {
	got, err := s.client.Send(ctx, httppost.Request{
		URL: url, Header: s.header, Body: body, Gzip: gzip, AnswerBytes: 64 << 10,
	})
	var a answer
	if got != nil {
		// What is not JSON has no code, and says nothing beyond its status.
		_ = json.Unmarshal(got.Body, &a)
	}
	if err != nil && got != nil && got.Status == http.StatusBadRequest && s.ofTheReceiver(a.Code) {
		return a, sinks.Stop(err)
	}
	return a, err
}

// ofTheReceiver is whether the collector answers 400 to events for what the
// Config says of all of them.
func (s *sink) ofTheReceiver(code int) bool {
	switch code {
	case 7: // incorrect index
		return !strings.Contains(s.config.Index.Text, "{{") // else it may be the event's
	case 10, 11, 14: // data channel missing, data channel invalid, acknowledgement disabled
		return true
	}
	return false
}

// indexed waits until the indexers have replicated what was sent.
func (s *sink) indexed(ctx context.Context, id int64) error {
	question := fmt.Appendf(nil, `{"acks":[%d]}`, id)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		a, err := s.post(ctx, s.acks, question, false)
		if err != nil {
			if sinks.IsPermanent(err) {
				err = sinks.Stop(err) // it is not about an event
			}
			return fmt.Errorf("ask whether it is indexed: %w", err)
		}
		if a.Acks[fmt.Sprint(id)] {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("ask whether it is indexed: %w", context.Cause(ctx))
		}
	}
}

func (s *sink) Close(context.Context) error {
	s.client.Close()
	return nil
}
