package main

import (
	"cmp"
	"encoding/json"
	"fmt"
)

// attachment is what Slack had first and Mattermost took over.
type attachment struct {
	Color   string  `json:"color"`
	Pretext string  `json:"pretext"`
	Author  string  `json:"author_name"`
	Title   string  `json:"title"`
	Text    string  `json:"text"`
	Fields  []pair  `json:"fields"`
	Footer  string  `json:"footer"`
	Blocks  []block `json:"blocks"`
}

type pair struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

// block is one of Block Kit's.
type block struct {
	Type     string      `json:"type"`
	Text     *blockText  `json:"text"`
	Elements []blockText `json:"elements"`
}

type blockText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

func (b blockText) html() markup {
	if b.Type == "mrkdwn" {
		return mrkdwn(b.Text)
	}
	return text(b.Text)
}

func readSlack(payload []byte) (message, error) {
	var m struct {
		Text        string       `json:"text"`
		Blocks      []block      `json:"blocks"`
		Attachments []attachment `json:"attachments"`
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return message{}, err
	}
	var out message
	if len(m.Blocks) == 0 {
		out.Text = mrkdwn(m.Text) // with blocks it is only for notifications
	} else {
		var c card
		c.blocks(m.Blocks)
		out.Cards = append(out.Cards, c)
	}
	for _, a := range m.Attachments {
		c := card{Color: named(a.Color)}
		c.add("small", mrkdwn(a.Author))
		c.add("title", mrkdwn(a.Title))
		if len(a.Blocks) == 0 {
			c.add("", mrkdwn(a.Text))
		}
		c.blocks(a.Blocks)
		for _, f := range a.Fields {
			c.add("field", "<b>"+mrkdwn(f.Title)+"</b>\n"+mrkdwn(f.Value))
		}
		c.add("small", mrkdwn(a.Footer))
		out.Cards = append(out.Cards, c)
	}
	return out, nil
}

func (c *card) blocks(blocks []block) {
	for _, b := range blocks {
		switch {
		case b.Type == "header" && b.Text != nil:
			c.add("title", b.Text.html())
		case b.Text != nil:
			c.add("", b.Text.html())
		}
		for _, e := range b.Elements {
			c.add("small", e.html())
		}
	}
}

// named turns the names that Slack has for three of them into colours.
func named(name string) string {
	return cmp.Or(map[string]string{"good": "#2eb67d", "warning": "#ecb22e", "danger": "#e01e5a"}[name], name)
}

func readMattermost(payload []byte) (message, error) {
	var m struct {
		Text        string       `json:"text"`
		Attachments []attachment `json:"attachments"`
	}
	if err := json.Unmarshal(payload, &m); err != nil {
		return message{}, err
	}
	var out message
	var err error
	if out.Text, err = markdown(m.Text); err != nil {
		return out, err
	}
	for _, a := range m.Attachments {
		c := card{Color: named(a.Color)}
		c.add("small", text(a.Author))
		if err := c.addMarkdown("title", a.Title); err != nil {
			return out, err
		}
		if err := c.addMarkdown("", a.Text); err != nil {
			return out, err
		}
		for _, f := range a.Fields {
			if err := c.addField(f.Title, f.Value); err != nil {
				return out, err
			}
		}
		c.add("small", text(a.Footer))
		out.Cards = append(out.Cards, c)
	}
	return out, nil
}

func (c *card) addMarkdown(class, s string) error {
	html, err := markdown(s)
	c.add(class, html)
	return err
}

func (c *card) addField(name, value string) error {
	title, err := markdown(name)
	if err != nil {
		return err
	}
	body, err := markdown(value)
	c.add("field", "<b>"+title+"</b>"+body)
	return err
}

func readDiscord(payload []byte) (message, error) {
	var m struct {
		Content string `json:"content"`
		Embeds  []struct {
			Author      struct{ Name string }          `json:"author"`
			Title       string                         `json:"title"`
			Description string                         `json:"description"`
			Color       int                            `json:"color"`
			Fields      []struct{ Name, Value string } `json:"fields"`
			Footer      struct{ Text string }          `json:"footer"`
			Timestamp   string                         `json:"timestamp"`
		} `json:"embeds"`
	}
	// A record is a message, or an embed of one.
	if err := json.Unmarshal(payload, &m); err != nil {
		return message{}, err
	}
	var out message
	var err error
	if out.Text, err = markdown(m.Content); err != nil {
		return out, err
	}
	for _, e := range m.Embeds {
		c := card{Color: fmt.Sprintf("#%06x", e.Color)}
		c.add("small", text(e.Author.Name))
		if err := c.addMarkdown("title", e.Title); err != nil {
			return out, err
		}
		if err := c.addMarkdown("", e.Description); err != nil {
			return out, err
		}
		for _, f := range e.Fields {
			if err := c.addField(f.Name, f.Value); err != nil {
				return out, err
			}
		}
		c.add("small", text(e.Footer.Text+" "+e.Timestamp))
		out.Cards = append(out.Cards, c)
	}
	return out, nil
}
