package main

import (
	"encoding/json"
	"fmt"
)

// element is any part of an Adaptive Card.
type element struct {
	Type      string    `json:"type"`
	Style     string    `json:"style"`
	Separator bool      `json:"separator"`
	Items     []element `json:"items"`
	Inlines   []element `json:"inlines"`
	Text      string    `json:"text"`
	Weight    string    `json:"weight"`
	Color     string    `json:"color"`
	Subtle    bool      `json:"isSubtle"`
}

func readTeams(payload []byte) (message, error) {
	var m struct {
		Attachments []struct {
			Content struct {
				Body []element `json:"body"`
			} `json:"content"`
		} `json:"attachments"`
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return message{}, err
	}
	var out message
	for _, a := range m.Attachments {
		var c card
		for _, e := range a.Content.Body {
			if err := c.element(e, ""); err != nil {
				return out, err
			}
		}
		out.Cards = append(out.Cards, c)
	}
	return out, nil
}

func (c *card) element(e element, class string) error {
	if e.Separator {
		class = "line"
	}
	switch e.Type {
	case "Container":
		class = "banner"
		if e.Style == "attention" {
			class = "warning"
		}
		for _, item := range e.Items {
			if err := c.element(item, class); err != nil {
				return err
			}
		}
	case "RichTextBlock":
		var all markup
		for _, run := range e.Inlines {
			all += run.html()
		}
		c.add(class, all)
	case "TextBlock":
		return c.addMarkdown(class, e.Text)
	default:
		return fmt.Errorf("a card with a %s, which this program cannot draw", e.Type)
	}
	return nil
}

func (e element) html() markup {
	html := text(e.Text)
	if e.Weight == "Bolder" {
		html = "<b>" + html + "</b>"
	}
	if e.Color == "Attention" {
		html = `<span class="attention">` + html + "</span>"
	}
	if e.Subtle {
		html = `<span class="small">` + html + "</span>"
	}
	return html
}
