package teams

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/prose"
)

// cards are the messages for workflows. Exactly one of own and layout, or none.
type cards struct {
	own    func(ev *event.Event) ([]byte, error)
	layout func(ev *event.Event) (any, error)
}

func newCards(c Config, compiler sinks.Compiler) (*cards, error) {
	compiler = compiler.Escaping(cardText)
	var m cards
	var err error
	switch {
	case !c.Card.IsZero():
		if m.own, err = compiler.Payload(sinks.Payload{Layout: c.Card, DeDot: c.Payload.DeDot}); err == nil {
			err = checkCard(m.own)
		}
		if err != nil {
			err = fmt.Errorf("card: %w", err)
		}
	case !c.Payload.Layout.IsZero():
		m.layout, err = values(compiler, c.Payload)
	}
	return &m, err
}

func checkCard(render func(ev *event.Event) ([]byte, error)) error {
	b, err := render(event.Sample())
	if err != nil {
		return err
	}
	var card struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(b, &card); err != nil || card.Type != adaptiveCard {
		return errors.New("want a mapping with type: " + adaptiveCard)
	}
	return nil
}

func (m *cards) event(ev *event.Event) ([]byte, error) {
	switch {
	case m.own != nil:
		content, err := m.own(ev)
		if err != nil {
			return nil, err
		}
		return cardMessage(json.RawMessage(content))
	case m.layout != nil:
		content, err := m.layout(ev)
		if err != nil {
			return nil, err
		}
		return cardMessage(newCard(append([]element{title(ev)}, facts(content)...)...))
	}
	body := []element{title(ev), paragraph(run(prose.Clean(ev.Message)))}
	when := prose.Span(ev.FirstTimestamp.Time, ev.Time())
	details := run(oneLine(joined(" · ", prose.Times(int64(ev.Occurrences())), when, ev.ClusterName, ev.Component(), ev.Host())))
	return cardMessage(newCard(append(body, paragraph(details.subtle()))...))
}

func title(ev *event.Event) element {
	o := ev.InvolvedObject
	object := oneLine(o.Kind + " " + joined("/", o.Namespace, o.Name))
	return banner(ev.Type != "Normal", run(oneLine(ev.Reason)).bold(), run(" · "+object))
}

// facts are a layout's texts, in which the user's own Markdown works.
func facts(content any) []element {
	parts, ok := content.(map[string]any)
	if !ok {
		return []element{markdown(flat(content, asItIs))}
	}
	var all []element
	for _, key := range slices.Sorted(maps.Keys(parts)) {
		all = append(all, markdown("**"+cardText(key)+"**: "+flat(parts[key], asItIs)))
	}
	return all
}

func (m *cards) digest(d *sinks.Digest) ([]byte, error) {
	warning := slices.ContainsFunc(d.Groups, func(g sinks.Group) bool { return g.Warning })
	body := []element{banner(warning, run(oneLine(prose.Headline(d))).bold())}
	for _, l := range prose.Lines(d) {
		count := run(l.Count).bold()
		if l.Warning {
			count.Color = "Attention"
		}
		block := paragraph(count,
			run(" "+oneLine(joined(" · ", l.Reason, l.What))),
			run("\n"+prose.Cut(oneLine(l.Message), lineRunes)),
			run("\n"+joined(" · ", l.Objects, l.When, l.Held)).subtle())
		block.Separator = true
		body = append(body, block)
	}
	if more := prose.More(d); more != "" && len(d.Groups) > 0 {
		body = append(body, paragraph(run(more).subtle()))
	}
	return cardMessage(newCard(body...))
}

const adaptiveCard = "AdaptiveCard"

type card struct {
	Schema  string            `json:"$schema"`
	Type    string            `json:"type"`
	Version string            `json:"version"`
	Teams   map[string]string `json:"msteams"`
	Body    []element         `json:"body"`
}

func newCard(body ...element) card {
	return card{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: adaptiveCard,
		// The first version with RichTextBlock, so that older clients show it too.
		Version: "1.2", Teams: map[string]string{"width": "Full"}, Body: body,
	}
}

// element is any part of a card.
type element struct {
	Type      string    `json:"type"`
	Style     string    `json:"style,omitempty"`
	Bleed     bool      `json:"bleed,omitempty"`
	Separator bool      `json:"separator,omitempty"`
	Items     []element `json:"items,omitempty"`
	Inlines   []element `json:"inlines,omitempty"`
	Text      string    `json:"text,omitempty"`
	Wrap      bool      `json:"wrap,omitempty"`
	Weight    string    `json:"weight,omitempty"`
	Color     string    `json:"color,omitempty"`
	Subtle    bool      `json:"isSubtle,omitempty"`
}

func banner(warning bool, runs ...element) element {
	style := "emphasis"
	if warning {
		style = "attention"
	}
	return element{Type: "Container", Style: style, Bleed: true, Items: []element{paragraph(runs...)}}
}

// paragraph is a RichTextBlock, which knows no Markdown: what an event says is
// shown there as it is.
func paragraph(runs ...element) element {
	return element{Type: "RichTextBlock", Inlines: slices.DeleteFunc(runs, func(e element) bool { return e.Text == "" })}
}

func markdown(text string) element { return element{Type: "TextBlock", Text: text, Wrap: true} }

func run(text string) element { return element{Type: "TextRun", Text: plain(text)} }

func (e element) bold() element {
	e.Weight = "Bolder"
	return e
}

func (e element) subtle() element {
	e.Subtle = true
	return e
}

func cardMessage(content any) ([]byte, error) {
	type attachment struct {
		ContentType string `json:"contentType"`
		Content     any    `json:"content"`
	}
	b, err := json.Marshal(struct {
		Type        string       `json:"type"`
		Attachments []attachment `json:"attachments"`
	}{"message", []attachment{{"application/vnd.microsoft.card.adaptive", content}}})
	if err != nil {
		return nil, fmt.Errorf("encode card: %w", err)
	}
	return b, nil
}
