package mattermost

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/prose"
)

// What Mattermost takes, in characters, and what is readable where it has no limit.
const (
	maxText   = 16_383 // it makes several posts of a longer one
	maxTitle  = 1000
	maxField  = 3000
	maxDigest = 16_000
	maxWhat   = 300 // of a group in a digest
)

type message struct {
	Channel     string       `json:"channel,omitempty"`
	Username    string       `json:"username,omitempty"`
	IconURL     string       `json:"icon_url,omitempty"`
	IconEmoji   string       `json:"icon_emoji,omitempty"`
	Text        string       `json:"text,omitempty"`
	Attachments []attachment `json:"attachments,omitempty"`
	Props       props        `json:"props"`
}

type attachment struct {
	Fallback   string  `json:"fallback,omitempty"`
	Color      string  `json:"color,omitempty"`
	AuthorName string  `json:"author_name,omitempty"`
	Title      string  `json:"title,omitempty"`
	Text       string  `json:"text,omitempty"`
	Fields     []field `json:"fields,omitempty"`
	Footer     string  `json:"footer,omitempty"`
}

type field struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Short bool   `json:"short"`
}

// props go with the post, unseen.
type props struct {
	EventID string `json:"event_id"`
}

func (s *sink) envelope(id, channel string) message {
	return message{
		Channel: channel, Username: s.config.Username, IconURL: s.config.IconURL, IconEmoji: s.config.IconEmoji,
		Props: props{EventID: id},
	}
}

func (s *sink) messageOf(ev *event.Event) (message, error) {
	channel, err := s.channelOf(ev)
	if err != nil {
		return message{}, err
	}
	m := s.envelope(ev.ID(), channel)
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
		m.Attachments = []attachment{a}
	case a.Color != "" && m.Text != "":
		// A colour is beside a card: then the message is the card.
		a.Text, a.Fallback = m.Text, prose.Cut(m.Text, maxTitle)
		m.Text, m.Attachments = "", []attachment{a}
	}
	if m.Text == "" && len(m.Attachments) == 0 {
		return m, s.config.Message.Position.Errorf("message: as rendered for this event it is empty")
	}
	return m, nil
}

// channelOf never gives what a template says of a label that is not there; "" is
// the webhook's own channel.
func (s *sink) channelOf(ev *event.Event) (string, error) {
	channel, err := s.channel(ev)
	if err != nil {
		return "", fmt.Errorf("channel: %w", err)
	}
	channel = strings.TrimSpace(channel)
	if strings.Trim(channel, "#@ ") == "" || strings.Contains(channel, "<no value>") {
		return s.config.FallbackChannel, nil
	}
	return channel, nil
}

var colors = regexp.MustCompile(`^(good|warning|danger|#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3})$`)

func (s *sink) attachment(ev *event.Event) (a attachment, err error) {
	for _, part := range []struct {
		key    string
		render render
		into   *string
	}{
		{"author_name", s.author, &a.AuthorName},
		{"title", s.title, &a.Title},
		{"footer", s.footer, &a.Footer},
		{"color", s.color, &a.Color},
	} {
		text, err := part.render(ev)
		if err != nil {
			return a, fmt.Errorf("%s: %w", part.key, err)
		}
		*part.into = prose.Cut(strings.Join(strings.Fields(text), " "), maxTitle)
	}
	if !colors.MatchString(a.Color) {
		a.Color = "" // no reason to lose an event
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		value, err := s.fields[name](ev)
		if err != nil {
			return a, fmt.Errorf("fields: %s: %w", name, err)
		}
		a.Fields = append(a.Fields, field{Title: name, Value: prose.Cut(value, maxField)})
	}
	return a, nil
}

// EncodeDigest goes to the channel of the newest event.
func (s *sink) EncodeDigest(d *sinks.Digest) (sinks.Record, error) {
	channel, err := s.channelOf(d.Newest)
	if err != nil {
		return sinks.Record{}, err
	}
	body, err := d.Fit(maxDigest, func(d *sinks.Digest) ([]byte, error) {
		m := s.envelope(d.ID, channel)
		m.Attachments = []attachment{card(d)}
		return json.Marshal(m)
	})
	if err != nil {
		return sinks.Record{}, fmt.Errorf("digest: %w", err)
	}
	return sinks.Record{ID: d.ID, Key: channel, Event: d.Newest, Body: body}, nil
}

func card(d *sinks.Digest) attachment {
	headline := markdown(prose.Cut(prose.Headline(d), maxTitle))
	a := attachment{Fallback: headline, Color: calmColor, Title: headline}
	var groups []string
	for _, l := range prose.Lines(d) {
		text := ""
		if l.Warning {
			a.Color = urgentColor
			text = "⚠ "
		}
		if l.Reason != "" {
			text += "**" + markdown(prose.Cut(l.Reason, maxWhat)) + "** "
		}
		text += markdown(prose.Cut(l.What, maxWhat)) + "\n" + l.Facts()
		if l.Message != "" {
			text += "\n" + markdown(prose.Cut(l.Message, maxWhat))
		}
		groups = append(groups, text)
	}
	if more := prose.More(d); more != "" && len(groups) > 0 {
		groups = append(groups, "*"+more+"*")
	}
	a.Text = strings.Join(groups, "\n\n")
	return a
}

// entities: Mattermost makes mentions and links of Slack's <...>, and shows these.
var entities = strings.NewReplacer("&", "&amp;", "<", "&lt;")

// markdown is a text that Mattermost shows as it is: it mentions nobody, links
// nowhere and formats nothing.
func markdown(text string) string { return entities.Replace(prose.Markdown(text)) }
