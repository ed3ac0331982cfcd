// Package mattermost posts events to channels of Mattermost through an incoming
// webhook, one message for each, or many events in one message as a digest.
//
// Accepted means that Mattermost has posted the message. It knows no repetition:
// what comes again because a reply was lost is posted again, with the same
// event_id in its props. Send makes one attempt and does not retry. All methods
// may be called concurrently.
package mattermost

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
	"github.com/packetboat/packetboat/sinks/prose"
)

// Kind is the mattermost sink.
var Kind = sinks.NewKind("mattermost", sinks.Now, defaults, open)

// concurrency is for several channels.
const concurrency = 4

type render = func(*event.Event) (string, error)

type sink struct {
	config Config
	client *httppost.Client

	channel, message, color, footer, title, author render

	fields map[string]render
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c, fields: map[string]render{}}
	if err := s.compile(env.Compiler); err != nil {
		return nil, err
	}
	var err error
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
		{"channel", s.config.Channel, plain, &s.channel},
		{"message", s.config.Message, escaped, &s.message},
		{"color", s.config.Color, plain, &s.color},
		{"footer", s.config.Footer, visible, &s.footer}, // no Markdown there, nor in the author's name
		{"title", s.config.Title, escaped, &s.title},
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

// Limits: Mattermost takes one message in a request; texts are cut.
func (s *sink) Limits() sinks.Limits { return sinks.Limits{Records: 1, Concurrency: concurrency} }

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	m, err := s.messageOf(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	body, err := json.Marshal(m)
	if err != nil {
		return sinks.Record{}, fmt.Errorf("encode: %w", err)
	}
	return sinks.Record{ID: ev.ID(), Key: m.Channel, Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if len(batch) == 0 {
		return nil
	}
	if len(batch) > 1 {
		return sinks.Permanent(fmt.Errorf("send: %d events for one message", len(batch)))
	}
	answer, err := s.client.Send(ctx, httppost.Request{
		URL: s.config.webhook(), Header: http.Header{"Content-Type": {"application/json"}}, Body: batch[0].Body,
	})
	if err != nil {
		return fmt.Errorf("send: %w", s.judge(err, answer))
	}
	return nil
}

// judge knows better than the status what Mattermost refuses
// (https://github.com/mattermost/mattermost/blob/master/server/channels/app/webhook.go).
func (s *sink) judge(err error, answer *httppost.Answer) error {
	var refused struct{ ID string }
	if answer == nil || json.Unmarshal(answer.Body, &refused) != nil {
		return err
	}
	switch refused.ID {
	case "web.incoming_webhook.invalid.app_error", // 400: there is no such webhook
		"web.incoming_webhook.disabled.app_error": // 501: an administrator has turned them off
		return sinks.Stop(err)
	case "web.incoming_webhook.channel.app_error", "web.incoming_webhook.user.app_error", "web.incoming_webhook.permissions.app_error":
		if strings.Contains(s.config.Channel.Text, "{{") {
			return sinks.Permanent(err) // one object's label must not stop all others
		}
		return sinks.Stop(err)
	}
	return err
}

func (s *sink) Close(context.Context) error {
	s.client.Close()
	return nil
}
