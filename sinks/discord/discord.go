// Package discord posts events to a channel of Discord through its webhook, up to
// ten in one message, each a card; or many as a digest.
//
// Accepted means that Discord has stored the message. It takes or refuses one as
// a whole, and knows no repetition: what comes again because a reply was lost is
// posted again. Send makes one attempt and does not retry. All methods may be
// called concurrently.
package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
	"github.com/packetboat/packetboat/sinks/prose"
)

// Kind is the discord sink.
var Kind = sinks.NewKind("discord", sinks.Now, defaults, open)

type render = func(*event.Event) (string, error)

type sink struct {
	config   Config
	endpoint string
	client   *httppost.Client
	now      func() time.Time

	message, color, footer, title, text, author render

	fields map[string]render

	mu    sync.Mutex
	ready time.Time // Discord has said that it takes nothing before
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c, fields: map[string]render{}, now: env.Now}
	if err := s.compile(env.Compiler); err != nil {
		return nil, err
	}
	var err error
	if s.endpoint, err = c.endpoint(); err != nil {
		return nil, fmt.Errorf("webhookURL: %w", err)
	}
	s.client, err = httppost.New(c.HTTP, env)
	return s, err
}

func (s *sink) compile(plain sinks.Compiler) (err error) {
	escaped, visible := plain.Escaping(markdown), plain.Escaping(prose.Visible)
	for _, t := range []struct {
		key      string
		text     sinks.Template
		compiler sinks.Compiler
		into     *render
	}{
		{"message", s.config.Message, escaped, &s.message},
		{"title", s.config.Title, escaped, &s.title},
		{"text", s.config.Text, escaped, &s.text},
		{"color", s.config.Color, plain, &s.color},
		{"footer", s.config.Footer, visible, &s.footer}, // no Markdown there, nor in the author's name
		{"author_name", s.config.AuthorName, visible, &s.author},
	} {
		if *t.into, err = t.compiler.Template(t.text); err != nil {
			return fmt.Errorf("%s: %w", t.key, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.config.Fields)) {
		if s.fields[name], err = escaped.Template(s.config.Fields[name]); err != nil {
			return fmt.Errorf("fields: %s: %w", name, err)
		}
	}
	return nil
}

// Limits: Discord counts the characters of all cards of a message together. Their
// JSON has never fewer bytes.
func (s *sink) Limits() sinks.Limits {
	l := sinks.Limits{Records: maxEmbeds, Bytes: maxCharacters, RecordBytes: maxCharacters, Concurrency: 1}
	if !s.config.Message.IsZero() {
		// What stands above the cards is of one event.
		l.Records, l.Bytes, l.RecordBytes = 1, 0, 0
	}
	return l
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	content, err := s.content(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	e, err := s.embed(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	if content == "" && e.isEmpty() {
		return sinks.Record{}, s.config.Text.Position.Errorf("text: as rendered for this event nothing is left to say")
	}
	body, err := encode(content, e)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if len(batch) == 0 {
		return nil
	}
	if err := s.fits(batch); err != nil {
		return sinks.Permanent(fmt.Errorf("send: %w", err))
	}
	body, err := s.frame(batch)
	if err != nil {
		return sinks.Permanent(fmt.Errorf("send: %w", err))
	}
	if err := s.wait(ctx); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	answer, err := s.client.Send(ctx, httppost.Request{
		URL: s.endpoint, Header: http.Header{"Content-Type": {"application/json"}}, Body: body,
	})
	if err != nil {
		return fmt.Errorf("send: %w", s.throttled(err, answer))
	}
	if answer.Header.Get("X-RateLimit-Remaining") == "0" {
		s.mu.Lock()
		s.ready = s.now().Add(seconds(answer.Header.Get("X-RateLimit-Reset-After")))
		s.mu.Unlock()
	}
	return nil
}

func (s *sink) fits(batch []sinks.Record) error {
	limit := s.Limits()
	if len(batch) > limit.Records {
		return fmt.Errorf("%d events for a message of at most %d", len(batch), limit.Records)
	}
	sum := 0
	for _, r := range batch {
		sum += len(r.Body)
	}
	if limit.Bytes > 0 && sum > limit.Bytes {
		return fmt.Errorf("%d bytes for a message of at most %d", sum, limit.Bytes)
	}
	return nil
}

// throttled honours what Discord says of the pause that it wants: to the
// millisecond in the body, and in a header in whole seconds, or in parts of them.
func (s *sink) throttled(err error, answer *httppost.Answer) error {
	if answer == nil || answer.Status != http.StatusTooManyRequests {
		return err
	}
	var body struct {
		RetryAfter float64 `json:"retry_after"`
	}
	_ = json.Unmarshal(answer.Body, &body) // a proxy in front says it in its header only
	pause := max(sinks.RetryDelay(err), time.Duration(body.RetryAfter*float64(time.Second)),
		seconds(answer.Header.Get("Retry-After")), seconds(answer.Header.Get("X-RateLimit-Reset-After")))
	if pause == 0 {
		return err
	}
	return sinks.RetryAfter(err, pause)
}

func seconds(text string) time.Duration {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n > 24*60*60 {
		return 0
	}
	return time.Duration(n * float64(time.Second))
}

// patience is how long a Send waits for Discord to take messages again: usually
// five of them in two seconds.
const patience = 3 * time.Second

var errTooFast = errors.New("the webhook takes no message yet")

// wait keeps from asking what Discord has said it would refuse: it counts refusals,
// and blocks who gets too many.
func (s *sink) wait(ctx context.Context) error {
	s.mu.Lock()
	left := s.ready.Sub(s.now())
	s.mu.Unlock()
	if left <= 0 {
		return nil
	}
	if left > patience {
		return sinks.RetryAfter(errTooFast, left)
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *sink) Close(context.Context) error {
	s.client.Close()
	return nil
}
