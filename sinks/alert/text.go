package alert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/prose"
)

// Text is a compiled template whose result fits its place. It is "" where no
// template was given, and for an event that lacks what the template asks for.
type Text func(ev *event.Event) (string, error)

// Line compiles a text of one line and at most so many characters, 0 for any
// number.
func Line(c sinks.Compiler, key string, t sinks.Template, limit int) (Text, error) {
	return compile(c, key, t, func(text string) string {
		text = OneLine(prose.Clean(text))
		if limit > 0 {
			return prose.Cut(text, limit)
		}
		return text
	})
}

// OneLine is a text with its words on one line.
func OneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Lines compiles a text of any number of lines and at most so many characters.
func Lines(c sinks.Compiler, key string, t sinks.Template, limit int) (Text, error) {
	return compile(c, key, t, func(text string) string { return prose.Cut(prose.Clean(text), limit) })
}

func compile(c sinks.Compiler, key string, t sinks.Template, fit func(text string) string) (Text, error) {
	if t.IsZero() {
		return func(*event.Event) (string, error) { return "", nil }, nil
	}
	render, err := c.Template(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return func(ev *event.Event) (string, error) {
		text, err := render(ev)
		if err != nil {
			return "", fmt.Errorf("%s: %w", key, err)
		}
		return fit(text), nil
	}, nil
}

// Required wants more than nothing from t.
func Required(key string, at sinks.Position, t Text) Text {
	return func(ev *event.Event) (string, error) {
		text, err := t(ev)
		if err == nil && text == "" {
			err = at.Errorf("%s: as rendered for this event it is empty", key)
		}
		return text, err
	}
}

// OneOf wants one of a few words from t. Whatever else it gives, or nothing, is
// otherwise: an alert matters more than how urgent it is.
func OneOf(t Text, words []string, otherwise func(ev *event.Event) string) Text {
	return func(ev *event.Event) (string, error) {
		text, err := t(ev)
		if err != nil || slices.Contains(words, text) {
			return text, err
		}
		return otherwise(ev), nil
	}
}

// Properties are the custom properties of an alert: at most so many characters
// of names and values together. Later names go first when there is no room.
type Properties struct {
	texts map[string]Text
	limit int
}

// CompileProperties compiles their templates.
func CompileProperties(c sinks.Compiler, key string, from map[string]sinks.Template, limit int) (Properties, error) {
	p := Properties{texts: map[string]Text{}, limit: limit}
	for _, name := range slices.Sorted(maps.Keys(from)) {
		text, err := Lines(c, key+": "+name, from[name], limit)
		if err != nil {
			return Properties{}, err
		}
		p.texts[name] = text
	}
	return p, nil
}

// Of are the properties for an event, with its ID or a digest's beside them: by
// that a person tells a repetition from a new one.
func (p Properties) Of(ev *event.Event, id string) (map[string]string, error) {
	all := map[string]string{IDProperty: id}
	room := p.limit - length(IDProperty, id)
	for _, name := range slices.Sorted(maps.Keys(p.texts)) {
		value, err := p.texts[name](ev)
		if err != nil {
			return nil, err
		}
		value = prose.Cut(value, room-length(name))
		if value == "" {
			continue
		}
		room -= length(name, value)
		all[name] = value
	}
	return all, nil
}

// IDProperty is the name of the property that holds the ID.
const IDProperty = "eventID"

func length(texts ...string) int {
	n := 0
	for _, t := range texts {
		n += len([]rune(t))
	}
	return n
}
