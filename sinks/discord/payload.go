package discord

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/prose"
)

// What Discord takes (https://docs.discord.com/developers/resources/message#embed-object-embed-limits),
// in characters unless it says otherwise.
const (
	maxContent     = 2000
	maxTitle       = 256
	maxDescription = 4096
	maxFields      = 25
	maxName        = 256
	maxValue       = 1024
	maxFooter      = 2048
	maxEmbeds      = 10
	maxCharacters  = 6000
)

// message is a request, and the body of a record is one with one card.
type message struct {
	Content         string            `json:"content,omitempty"`
	Username        string            `json:"username,omitempty"`
	AvatarURL       string            `json:"avatar_url,omitempty"`
	Embeds          []json.RawMessage `json:"embeds,omitempty"`
	AllowedMentions *mentions         `json:"allowed_mentions,omitempty"`
}

type mentions struct {
	Parse []string `json:"parse"`
}

type embed struct {
	Author      *author  `json:"author,omitempty"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Color       int64    `json:"color,omitempty"`
	Fields      []field  `json:"fields,omitempty"`
	Footer      *caption `json:"footer,omitempty"`
	Timestamp   string   `json:"timestamp,omitempty"`
}

type author struct {
	Name string `json:"name"`
}

type caption struct {
	Text string `json:"text"`
}

type field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (s *sink) content(ev *event.Event) (string, error) {
	text, err := s.message(ev)
	if err != nil {
		return "", fmt.Errorf("message: %w", err)
	}
	return prose.Cut(strings.TrimSpace(text), maxContent), nil
}

func (s *sink) embed(ev *event.Event) (e embed, err error) {
	var name, footer, color string
	for _, part := range []struct {
		key    string
		render render
		limit  int
		into   *string
	}{
		{"author_name", s.author, maxName, &name},
		{"title", s.title, maxTitle, &e.Title},
		{"footer", s.footer, maxFooter, &footer},
		{"color", s.color, maxName, &color},
	} {
		text, err := part.render(ev)
		if err != nil {
			return e, fmt.Errorf("%s: %w", part.key, err)
		}
		*part.into = prose.Cut(strings.Join(strings.Fields(text), " "), part.limit)
	}
	if name != "" {
		e.Author = &author{name}
	}
	if footer != "" {
		e.Footer = &caption{footer}
	}
	e.Color = colorOf(color)
	if e.Description, err = s.text(ev); err != nil {
		return e, fmt.Errorf("text: %w", err)
	}
	e.Description = prose.Cut(strings.TrimSpace(e.Description), maxDescription)
	if at := ev.Time(); !at.IsZero() {
		e.Timestamp = at.Format(time.RFC3339Nano)
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		value, err := s.fields[name](ev)
		if err != nil {
			return e, fmt.Errorf("fields: %s: %w", name, err)
		}
		e.Fields = append(e.Fields, fieldOf(name, value))
	}
	return e, nil
}

// fieldOf: Discord refuses an empty one.
func fieldOf(name, value string) field {
	cut := func(text string, n int) string {
		if text = prose.Cut(strings.TrimSpace(text), n); text == "" {
			return "–"
		}
		return text
	}
	return field{cut(name, maxName), cut(value, maxValue)}
}

var hex = regexp.MustCompile(`^#?([0-9a-fA-F]{6})$`)

// colorOf is 0, which is no colour, for what is none: no reason to lose an event.
func colorOf(text string) int64 {
	named := map[string]string{"good": "#2eb886", "warning": "#daa038", "danger": "#a30200"} // as Slack shows them
	if c, known := named[text]; known {
		text = c
	}
	if found := hex.FindStringSubmatch(text); found != nil {
		n, _ := strconv.ParseInt(found[1], 16, 64)
		return n
	}
	return 0
}

func (e *embed) isEmpty() bool {
	return e.Author == nil && e.Title == "" && e.Description == "" && len(e.Fields) == 0 && e.Footer == nil
}

// encode makes the body of a record, with texts cut until it fits: the longest first.
func encode(content string, e embed) ([]byte, error) {
	for {
		card, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		m := message{Content: content, Embeds: []json.RawMessage{card}}
		if e.isEmpty() {
			m.Embeds = nil // Discord refuses an empty card
		}
		body, err := json.Marshal(m)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		// A content has its own limit.
		limit := maxCharacters
		if content != "" {
			limit += len(body) - len(card)
		}
		if len(body) <= limit {
			return body, nil
		}
		if !e.shorten(len(body) - limit) {
			return nil, errors.New("the names of the fields leave no room for what they hold")
		}
	}
}

// shorten takes so many bytes from the longest text, or half of it, and reports
// whether there was one.
func (e *embed) shorten(excess int) bool {
	const shortest = 16
	longest := &e.Description
	for i := range e.Fields {
		if len(e.Fields[i].Value) > len(*longest) {
			longest = &e.Fields[i].Value
		}
	}
	if e.Footer != nil && len(e.Footer.Text) > len(*longest) {
		longest = &e.Footer.Text
	}
	if len(*longest) < shortest {
		return false
	}
	*longest = prose.CutBytes(*longest, max(len(*longest)-excess, len(*longest)/2))
	return true
}

// frame makes one message of a batch.
func (s *sink) frame(batch []sinks.Record) ([]byte, error) {
	all := message{
		Username: s.config.Username, AvatarURL: s.config.AvatarURL, AllowedMentions: &mentions{s.config.AllowedMentions},
	}
	for _, r := range batch {
		var one message
		if err := json.Unmarshal(r.Body, &one); err != nil {
			return nil, err
		}
		all.Content = one.Content
		all.Embeds = append(all.Embeds, one.Embeds...)
	}
	return json.Marshal(all)
}

// EncodeDigest has a field for each group.
func (s *sink) EncodeDigest(d *sinks.Digest) (sinks.Record, error) {
	body, err := d.Naming(maxFields).Fit(maxCharacters, func(d *sinks.Digest) ([]byte, error) {
		card, err := json.Marshal(cardOf(d))
		if err != nil {
			return nil, err
		}
		return json.Marshal(message{Embeds: []json.RawMessage{card}})
	})
	if err != nil {
		return sinks.Record{}, fmt.Errorf("digest: %w", err)
	}
	return sinks.Record{ID: d.ID, Event: d.Newest, Body: body}, nil
}

func cardOf(d *sinks.Digest) embed {
	const maxNewest = 300 // of a group's newest message
	e := embed{Title: prose.Cut(markdown(prose.Headline(d)), maxTitle), Color: colorOf(calmColor)}
	if !d.Last.IsZero() {
		e.Timestamp = d.Last.UTC().Format(time.RFC3339Nano)
	}
	for _, l := range prose.Lines(d) {
		name := markdown(strings.TrimSpace(l.Reason + " " + l.What))
		if l.Warning {
			e.Color = colorOf(urgentColor)
			name = "⚠ " + name
		}
		e.Fields = append(e.Fields, fieldOf(name, l.Facts()+"\n"+markdown(prose.Cut(l.Message, maxNewest))))
	}
	if more := prose.More(d); more != "" && len(d.Groups) > 0 {
		e.Footer = &caption{more}
	}
	return e
}

// markdown is a text that Discord shows as it is: it mentions nobody, links
// nowhere and formats nothing.
func markdown(text string) string { return strings.ReplaceAll(prose.Markdown(text), "<", `\<`) }
