package teams

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

func newMessage(c Config, compiler sinks.Compiler) (message, error) {
	if c.format() == workflows {
		return newCards(c, compiler)
	}
	return newTexts(c, compiler)
}

// texts are the messages of the connector format.
type texts struct {
	layout func(ev *event.Event) (any, error)
}

func newTexts(c Config, compiler sinks.Compiler) (*texts, error) {
	if c.Payload.Layout.IsZero() {
		return &texts{func(ev *event.Event) (any, error) { return defaultTexts(ev, c.Payload.DeDot) }}, nil
	}
	layout, err := values(compiler.Escaping(connectorText), c.Payload)
	return &texts{layout}, err
}

// defaultTexts are the parts of an event that upstream shows.
func defaultTexts(ev *event.Event, deDot bool) (any, error) {
	if deDot {
		c := ev.DeDot()
		ev = &c
	}
	b, err := json.Marshal(ev.ObjectMeta)
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	var metadata any
	if err := json.Unmarshal(b, &metadata); err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return map[string]any{
		"message": connectorText(ev.Message), "reason": connectorText(ev.Reason),
		"metadata": flat(metadata, connectorText),
	}, nil
}

func (t *texts) event(ev *event.Event) ([]byte, error) {
	content, err := t.layout(ev)
	if err != nil {
		return nil, err
	}
	return textMessage(strings.Join(connectorLines(content), " \n"))
}

// connectorLines has upstream's three lines first, under its names for them.
func connectorLines(content any) []string {
	parts, ok := content.(map[string]any)
	if !ok {
		return []string{flat(content, asItIs)}
	}
	var lines []string
	add := func(name, key string) {
		if value, there := parts[key]; there {
			lines = append(lines, name+": "+flat(value, asItIs))
		}
	}
	add("Event", "message")
	add("Status", "reason")
	add("Metadata", "metadata")
	for _, key := range slices.Sorted(maps.Keys(parts)) {
		if key != "message" && key != "reason" && key != "metadata" {
			add(key, key)
		}
	}
	return lines
}

func (t *texts) digest(d *sinks.Digest) ([]byte, error) {
	lines := []string{"**" + connectorText(prose.Headline(d)) + "**"}
	for _, l := range prose.Lines(d) {
		text := joined(" · ", "**"+l.Count+"**", connectorText(l.Reason), connectorText(l.What), l.Objects, l.When, l.Held)
		lines = append(lines, text, connectorText(prose.Cut(l.Message, lineRunes)))
	}
	if more := prose.More(d); more != "" && len(d.Groups) > 0 {
		lines = append(lines, more)
	}
	return textMessage(strings.Join(lines, "\n\n"))
}

// lineRunes is how much of a message a digest shows.
const lineRunes = 300

func textMessage(text string) ([]byte, error) {
	return json.Marshal(struct {
		Summary string `json:"summary"`
		Text    string `json:"text"`
	}{"event", text})
}

// values compiles a layout whose result is looked into.
func values(compiler sinks.Compiler, p sinks.Payload) (func(ev *event.Event) (any, error), error) {
	render, err := compiler.Payload(p)
	if err != nil {
		return nil, err
	}
	return func(ev *event.Event) (any, error) {
		b, err := render(ev)
		if err != nil {
			return nil, err
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			return nil, fmt.Errorf("layout: %w", err)
		}
		return v, nil
	}, nil
}

// flat is a value in words. As JSON, its own backslashes would undo an escape.
func flat(v any, escape func(string) string) string {
	var parts []string
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return escape(v)
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, escape(key)+": "+flat(v[key], escape))
		}
	case []any:
		for _, item := range v {
			parts = append(parts, flat(item, escape))
		}
	default:
		return fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}

func asItIs(s string) string { return s }

func joined(by string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), by)
}

var html = strings.NewReplacer("&", "&amp;", "<", "&lt;")

// connectorText is a text that a connector shows as it is: it knows Markdown and
// some HTML. It is one line, so that it cannot pretend to be the next.
func connectorText(text string) string { return html.Replace(prose.Markdown(oneLine(text))) }

func oneLine(text string) string { return strings.Join(strings.Fields(prose.Clean(text)), " ") }

// mention is what a workflow makes a mention of, in any text of a card.
var mention = regexp.MustCompile(`(?i)<(/?\s*at)`)

// cardText is a text that a card shows as it is where it knows Markdown.
func cardText(text string) string { return unmentioned(prose.Markdown(text)) }

// plain is a text for where a card knows none.
func plain(text string) string { return unmentioned(prose.Unlinked(prose.Visible(text))) }

// unmentioned has a joiner in it, which cannot be seen.
func unmentioned(text string) string { return mention.ReplaceAllString(text, "<\u2060$1") }

// shorten encodes an event in at most limit bytes, with less of its message.
func shorten(ev *event.Event, limit int, encode func(ev *event.Event) ([]byte, error)) ([]byte, error) {
	room := min(len(ev.Message), limit) // it never gets shorter by being encoded
	for {
		short := *ev
		short.Message = prose.CutBytes(ev.Message, room)
		body, err := encode(&short)
		switch {
		case err != nil || len(body) <= limit:
			return body, err
		case room == 0:
			return nil, fmt.Errorf("the message has %d bytes, and Teams takes %d", len(body), limit)
		}
		room = min(room-1, room*limit/len(body))
	}
}
