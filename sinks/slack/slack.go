// Package slack posts events to channels of Slack, one message for each, as a bot
// or through an incoming webhook; or many events in one message as a digest.
//
// Accepted means that Slack has posted the message. It knows no repetition: what
// comes again because a reply was lost is posted again, with the same ID in its
// metadata. Send makes one attempt and does not retry. All methods may be called
// concurrently.
package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/slack-go/slack"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the slack sink.
var Kind = sinks.NewKind("slack", sinks.Now, defaults, open)

const (
	// concurrency is for several channels: Slack takes one message a second in each.
	concurrency = 4
	// conversations is how many threads are known to a sink that was given no notes.
	conversations = 10_000
	// answerBytes: the answer repeats the message.
	answerBytes = 4 << 20
)

type render = func(*event.Event) (string, error)

type sink struct {
	config  Config
	client  *httppost.Client
	api     *slack.Client
	threads sinks.Notes // of channel and object, the first message; nil without threads

	channel, message, color, footer, title, author render

	fields map[string]render
	blocks func(*event.Event) ([]byte, error) // nil without
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
	if s.client, err = httppost.New(c.HTTP, env); err != nil {
		return nil, err
	}
	token := secret.New(strings.TrimSpace(c.Token.Reveal()))
	s.api = slack.New(token.Reveal(), slack.OptionAPIURL(c.APIURL), slack.OptionHTTPClient(once{s.client.RoundTripper(answerBytes, token)}))
	if c.Thread != "" {
		if s.threads, err = lru.New[string, string](conversations); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *sink) compile(plain sinks.Compiler) (err error) {
	escaped := plain.Escaping(mrkdwn)
	for _, t := range []struct {
		key      string
		text     sinks.Template
		compiler sinks.Compiler
		into     *render
	}{
		{"channel", s.config.Channel, plain, &s.channel},
		{"message", s.config.Message, escaped, &s.message},
		{"color", s.config.Color, plain, &s.color},
		{"footer", s.config.Footer, escaped, &s.footer},
		{"title", s.config.Title, escaped, &s.title},
		{"author_name", s.config.AuthorName, escaped, &s.author},
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
	if !s.config.Blocks.IsZero() {
		if s.blocks, err = escaped.Payload(sinks.Payload{Layout: s.config.Blocks}); err != nil {
			return fmt.Errorf("blocks: %w", err)
		}
	}
	return nil
}

// once is the library's way to Slack: one attempt, and no URL in its errors.
type once struct{ http.RoundTripper }

func (o once) Do(r *http.Request) (*http.Response, error) { return o.RoundTrip(r) }

// KeepsNotes reports whether it knows conversations from run to run.
func (s *sink) KeepsNotes() bool { return s.threads != nil }

// UseNotes gives it those of the runs before.
func (s *sink) UseNotes(n sinks.Notes) { s.threads = n }

// Limits: Slack takes one message in a request; texts are cut.
func (s *sink) Limits() sinks.Limits { return sinks.Limits{Records: 1, Concurrency: concurrency} }

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	m, err := s.messageOf(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return record(ev.ID(), ev, m)
}

func record(id string, ev *event.Event, m message) (sinks.Record, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return sinks.Record{}, fmt.Errorf("encode: %w", err)
	}
	return sinks.Record{ID: id, Key: m.Channel, Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if len(batch) == 0 {
		return nil
	}
	if len(batch) > 1 {
		return sinks.Permanent(fmt.Errorf("send: %d events for one message", len(batch)))
	}
	var m message
	if err := json.Unmarshal(batch[0].Body, &m); err != nil {
		return sinks.Permanent(fmt.Errorf("send: %w", err))
	}
	var err error
	if s.config.byWebhook() {
		err = s.postToWebhook(ctx, m)
	} else {
		err = s.postAsBot(ctx, m, batch[0].ID)
	}
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

func (s *sink) postToWebhook(ctx context.Context, m message) error {
	post := &slack.WebhookMessage{Channel: m.Channel, Text: m.Text, Attachments: m.Attachments}
	if len(m.Blocks) > 0 {
		post.Blocks = &slack.Blocks{BlockSet: m.blocks()}
	}
	client := &http.Client{Transport: s.client.RoundTripper(0)}
	err := slack.PostWebhookCustomHTTPContext(ctx, s.config.webhook(), client, post)
	// The address is the secret, and http.Client puts it into its errors.
	if with := (*url.Error)(nil); errors.As(err, &with) {
		return with.Err
	}
	return err
}

func (s *sink) postAsBot(ctx context.Context, m message, id string) error {
	options := []slack.MsgOption{
		slack.MsgOptionText(m.Text, false),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "kubernetes_event", EventPayload: map[string]any{"id": id}}),
	}
	if len(m.Attachments) > 0 {
		options = append(options, slack.MsgOptionAttachments(m.Attachments...))
	}
	if len(m.Blocks) > 0 {
		options = append(options, slack.MsgOptionBlocks(m.blocks()...))
	}
	first := s.firstMessage(m)
	if first != "" {
		options = append(options, slack.MsgOptionTS(first))
	}
	_, at, posted, err := s.api.PostMessageWithResponseContext(ctx, m.Channel, options...)
	if err != nil {
		return s.judge(err, m)
	}
	if at == "" {
		return errors.New("the answer does not say that the message is posted")
	}
	// A reply whose first message was deleted stands on its own.
	if m.Thread != "" && (first == "" || posted.ThreadTimestamp != first) {
		s.threads.Add(m.conversation(), at)
	}
	return nil
}

// firstMessage is where the conversation about the message's object began, "" if
// it has not yet.
func (s *sink) firstMessage(m message) string {
	if m.Thread == "" {
		return ""
	}
	at, _ := s.threads.Get(m.conversation())
	return at
}

func (s *sink) Close(context.Context) error {
	s.client.Close()
	return nil
}
