package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
)

// service is one page.
type service struct {
	name   string // of its folder below sinks
	title  string
	golden []string // below its testdata
	read   func(payload []byte) (message, error)
}

func services() []service {
	chat := func(folder string, more ...string) []string {
		return append(more, folder+"/core-v1", folder+"/digest-many-groups", folder+"/hostile-text")
	}
	return []service{
		{"discord", "Discord", chat("cards", "message/core-v1"), readDiscord},
		{"email", "email", []string{"core-v1", "digest-many-groups", "hostile-text"}, readMail},
		{"mattermost", "Mattermost", chat("message", "card/core-v1"), readMattermost},
		{"slack", "Slack", chat("message", "card/core-v1", "blocks/core-v1"), readSlack},
		{"teams", "Microsoft Teams", chat("workflows"), readTeams},
	}
}

func (s service) folder() string { return path.Join("sinks", s.name) }

// message is a payload as a person sees it.
type message struct {
	Payload string  // the golden file's name
	Fields  []field // of a mail's header
	Text    markup  // before the cards
	Cards   []card
	Frame   template.HTMLAttr // a mail's HTML, which is shown without any rights
	Height  int               // of the frame
}

type markup = template.HTML

type field struct{ Name, Value string }

// card is what stands beside or on a colour.
type card struct {
	Color string
	Parts []part
}

type part struct {
	Class string // title, small, field, banner, warning or ""
	HTML  markup
}

// text is what a service shows as it is.
func text(s string) markup { return markup(template.HTMLEscapeString(s)) } //nolint:gosec // it is escaped

func (c *card) add(class string, html markup) {
	if html != "" {
		c.Parts = append(c.Parts, part{class, html})
	}
}

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

func (s service) page(repository fs.FS) ([]byte, error) {
	data := struct {
		Name, Title string
		Messages    []message
	}{Name: s.name, Title: s.title}
	for _, golden := range s.golden {
		name := path.Join(s.folder(), "testdata", golden+".golden")
		payload, err := fs.ReadFile(repository, name)
		if err != nil {
			return nil, err
		}
		m, err := s.read(payload)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		m.Payload = "testdata/" + golden + ".golden"
		data.Messages = append(data.Messages, m)
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return b.Bytes(), nil
}
