package opscenter

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// item is an OpsItem as it is encoded: what CreateOpsItem is asked for.
type item struct {
	Title           string
	Description     string
	Source          string
	Category        string            `json:",omitempty"`
	Severity        string            `json:",omitempty"`
	Priority        int32             `json:",omitempty"`
	Notifications   []string          `json:",omitempty"`
	OperationalData map[string]string `json:",omitempty"`
	RelatedOpsItems []string          `json:",omitempty"`
	Tags            map[string]string `json:",omitempty"`
	DedupString     string            `json:",omitempty"`
}

const (
	maxTitle       = 1024 // characters, as the others
	maxDescription = 2048
	maxSource      = 128
	maxWord        = 64 // category and severity
	maxDataBytes   = 20_000
	maxTag         = 256
	maxPriority    = 5
)

// template is a compiled template with its name, for errors.
type template struct {
	name     string
	position sinks.Position
	render   func(*event.Event) (string, error) // nil: not configured
}

func (t template) text(ev *event.Event) (string, error) {
	if t.render == nil {
		return "", nil
	}
	text, err := t.render(ev)
	if err != nil {
		return "", fmt.Errorf("%s: %w", t.name, err)
	}
	return text, nil
}

// line is a template's text as one line, of so many characters at most.
func (t template) line(ev *event.Event, characters int) (string, error) {
	text, err := t.text(ev)
	return cut(strings.Join(strings.Fields(printable(text)), " "), characters), err
}

func (s *sink) encode(ev *event.Event) ([]byte, error) {
	i := item{RelatedOpsItems: s.config.RelatedOpsItems}
	var err error
	for _, field := range []struct {
		into       *string
		from       template
		characters int
		required   bool
	}{
		{&i.Title, s.title, maxTitle, true},
		{&i.Source, s.source, maxSource, true},
		{&i.Category, s.category, maxWord, false},
		{&i.Severity, s.severity, maxWord, false},
		{&i.DedupString, s.dedup, maxTitle, false},
	} {
		if *field.into, err = field.from.line(ev, field.characters); err != nil {
			return nil, err
		}
		if field.required && *field.into == "" {
			return nil, field.from.position.Errorf("%s: as rendered for this event it is empty", field.from.name)
		}
	}
	text, err := s.description.text(ev)
	if err != nil {
		return nil, err
	}
	if i.Description = cut(strings.TrimSpace(printable(text)), maxDescription); i.Description == "" {
		return nil, s.description.position.Errorf("description: as rendered for this event it is empty")
	}
	if i.Priority, err = s.priorityOf(ev); err != nil {
		return nil, err
	}
	if err := s.lists(ev, &i); err != nil {
		return nil, err
	}
	return json.Marshal(i)
}

func (s *sink) priorityOf(ev *event.Event) (int32, error) {
	text, err := s.priority.line(ev, maxWord)
	if err != nil || text == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 || n > maxPriority {
		return 0, s.priority.position.Errorf("priority: want 1 to %d, got %q", maxPriority, text)
	}
	return int32(n), nil
}

// lists fills in what there may be several of. Empty ones would be refused.
func (s *sink) lists(ev *event.Event, i *item) error {
	for _, t := range s.notifications {
		text, err := t.line(ev, maxTitle)
		if err != nil {
			return err
		}
		if text != "" {
			i.Notifications = append(i.Notifications, text)
		}
	}
	for key, t := range s.data {
		text, err := t.text(ev)
		if err != nil {
			return err
		}
		if text = strings.TrimSpace(printable(text)); text != "" {
			put(&i.OperationalData, key, cutBytes(text, maxDataBytes))
		}
	}
	for key, t := range s.tags {
		text, err := t.text(ev)
		if err != nil {
			return err
		}
		put(&i.Tags, key, cut(tagText(text), maxTag))
	}
	return nil
}

func put(m *map[string]string, key, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[key] = value
}

// printable drops what JSON could carry and a web page cannot.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// tagText is a text in the characters that AWS takes for tags.
func tagText(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Z, r) || strings.ContainsRune("_.:/=+-@", r) {
			return r
		}
		return '_'
	}, text)
}

func cut(text string, characters int) string {
	if runes := []rune(text); len(runes) > characters {
		return string(runes[:characters])
	}
	return text
}

func cutBytes(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	return strings.ToValidUTF8(text[:bytes], "")
}
