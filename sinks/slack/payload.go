package slack

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks/prose"
)

// What Slack takes, in characters, and what is readable where it names no limit.
const (
	maxText         = 40_000 // it cuts longer ones itself
	maxFooter       = 300
	maxTitle        = 1000
	maxField        = 3000
	maxSection      = 3000
	maxHeader       = 150
	maxSectionField = 2000
)

// message is the body of a record: what Slack is sent, and what it belongs to.
type message struct {
	Channel     string             `json:"channel,omitempty"`
	Text        string             `json:"text,omitempty"`
	Attachments []slack.Attachment `json:"attachments,omitempty"`
	Blocks      []json.RawMessage  `json:"blocks,omitempty"`
	// Thread is the object that the conversation is about; it is not sent.
	Thread string `json:"thread,omitempty"`
}

func (m message) conversation() string { return m.Channel + "\x00" + m.Thread }

// rawBlock is a block as the user wrote it, of any type.
type rawBlock struct{ json.RawMessage }

func (rawBlock) BlockType() slack.MessageBlockType { return "" }
func (rawBlock) ID() string                        { return "" }

func (m message) blocks() []slack.Block {
	blocks := make([]slack.Block, len(m.Blocks))
	for i, b := range m.Blocks {
		blocks[i] = rawBlock{b}
	}
	return blocks
}

func (s *sink) messageOf(ev *event.Event) (m message, err error) {
	if m.Channel, err = s.channelOf(ev); err != nil {
		return m, err
	}
	if m.Text, err = s.message(ev); err != nil {
		return m, fmt.Errorf("message: %w", err)
	}
	m.Text = prose.Cut(strings.TrimSpace(m.Text), maxText)
	a, err := s.attachment(ev)
	if err != nil {
		return m, err
	}
	switch {
	case a.AuthorName != "" || a.Title != "" || a.Footer != "" || len(a.Fields) > 0:
		m.Attachments = []slack.Attachment{a}
	case a.Color != "" && m.Text != "" && s.blocks == nil:
		// A colour is beside a card: then the message is the card.
		a.Text, a.Fallback = m.Text, prose.Cut(m.Text, maxSummary)
		m.Text, m.Attachments = "", []slack.Attachment{a}
	}
	if s.blocks != nil {
		if m.Blocks, err = s.blocksOf(ev); err != nil {
			return m, err
		}
	}
	if m.Text == "" && len(m.Attachments) == 0 && len(m.Blocks) == 0 {
		return m, s.config.Message.Position.Errorf("message: as rendered for this event it is empty")
	}
	if s.config.Thread == threadObject {
		m.Thread = cmp.Or(string(ev.InvolvedObject.UID), ev.InvolvedObject.Kind+" "+ev.InvolvedObject.Namespace+"/"+ev.InvolvedObject.Name)
	}
	return m, nil
}

// channelOf never gives what a template says of a label that is not there.
func (s *sink) channelOf(ev *event.Event) (string, error) {
	channel, err := s.channel(ev)
	if err != nil {
		return "", fmt.Errorf("channel: %w", err)
	}
	channel = strings.TrimSpace(channel)
	if strings.Trim(channel, "#@ ") != "" && !strings.Contains(channel, "<no value>") {
		return channel, nil
	}
	if s.config.FallbackChannel == "" && !s.config.byWebhook() {
		return "", s.config.Channel.Position.Errorf("channel: as rendered for this event it is empty, and there is no fallbackChannel")
	}
	return s.config.FallbackChannel, nil
}

var colors = regexp.MustCompile(`^(good|warning|danger|#?[0-9a-fA-F]{6}|#[0-9a-fA-F]{3})$`)

func (s *sink) attachment(ev *event.Event) (a slack.Attachment, err error) {
	for _, part := range []struct {
		key    string
		render render
		limit  int
		into   *string
	}{
		{"author_name", s.author, maxTitle, &a.AuthorName},
		{"title", s.title, maxTitle, &a.Title},
		{"footer", s.footer, maxFooter, &a.Footer},
		{"color", s.color, maxTitle, &a.Color},
	} {
		text, err := part.render(ev)
		if err != nil {
			return a, fmt.Errorf("%s: %w", part.key, err)
		}
		*part.into = prose.Cut(strings.Join(strings.Fields(text), " "), part.limit)
	}
	if !colors.MatchString(a.Color) {
		a.Color = "" // no reason to lose an event
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		value, err := s.fields[name](ev)
		if err != nil {
			return a, fmt.Errorf("fields: %s: %w", name, err)
		}
		a.Fields = append(a.Fields, slack.AttachmentField{Title: name, Value: prose.Cut(value, maxField)})
	}
	return a, nil
}

func (s *sink) blocksOf(ev *event.Event) ([]json.RawMessage, error) {
	raw, err := s.blocks(ev)
	if err != nil {
		return nil, fmt.Errorf("blocks: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var blocks []any
	if err := decoder.Decode(&blocks); err != nil {
		return nil, fmt.Errorf("blocks: %w", err)
	}
	out := make([]json.RawMessage, len(blocks))
	for i, b := range blocks {
		cutTexts(b, maxSection)
		if out[i], err = json.Marshal(b); err != nil {
			return nil, fmt.Errorf("blocks: %w", err)
		}
	}
	return out, nil
}

// cutTexts makes texts fit: Slack refuses a message with one that is too long, or
// empty.
func cutTexts(v any, limit int) {
	switch v := v.(type) {
	case []any:
		for _, child := range v {
			cutTexts(child, limit)
		}
	case map[string]any:
		if v["type"] == string(slack.MBTHeader) {
			limit = maxHeader
		}
		if text, is := v["text"].(string); is {
			v["text"] = cmp.Or(prose.Cut(strings.TrimSpace(text), limit), "–")
		}
		for key, child := range v {
			if key == "fields" {
				cutTexts(child, maxSectionField)
			} else {
				cutTexts(child, limit)
			}
		}
	}
}
