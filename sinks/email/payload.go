package email

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html"
	"html/template"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/prose"
)

const (
	subjectRunes = 200 // longer ones are cut by mail programs
	nameRunes    = 100
	lineRunes    = 300 // of a message in a digest
	// messageRunes is as much as anybody reads, and far from what servers refuse.
	messageRunes = 100_000
)

// letters compiles what messages say.
type letters struct {
	subject    render
	text, html render // nil: the default
	plainOnly  bool
	isThreaded bool
}

func newLetters(c Config, compiler sinks.Compiler) (letters, error) {
	l := letters{plainOnly: !c.Text.IsZero() && c.HTML.IsZero(), isThreaded: c.Thread == threadObject}
	var err error
	if l.subject, err = compiler.Template(c.Subject); err != nil {
		return l, fmt.Errorf("subject: %w", err)
	}
	if !c.Text.IsZero() {
		if l.text, err = compiler.Escaping(plainText).Template(c.Text); err != nil {
			return l, fmt.Errorf("text: %w", err)
		}
	}
	if !c.HTML.IsZero() {
		escape := func(s string) string { return html.EscapeString(plainText(s)) }
		if l.html, err = compiler.Escaping(escape).Template(c.HTML); err != nil {
			return l, fmt.Errorf("html: %w", err)
		}
	}
	return l, nil
}

// letter is a message but for its addresses.
type letter struct {
	id, thread string
	date       time.Time
	subject    string
	text, html string // "": without this part
}

func (l letters) event(ev *event.Event) (letter, error) {
	out := letter{id: ev.ID(), date: ev.Time()}
	if l.isThreaded {
		o := ev.InvolvedObject
		out.thread = strings.Join([]string{ev.ClusterName, o.Kind, o.Namespace, o.Name}, "\x00")
	}
	var err error
	if out.subject, err = l.subject(ev); err != nil {
		return out, fmt.Errorf("subject: %w", err)
	}
	page := pageOf(ev)
	if l.text == nil {
		out.text = page.text()
	} else if out.text, err = l.text(ev); err != nil {
		return out, fmt.Errorf("text: %w", err)
	}
	switch {
	case l.plainOnly:
	case l.html == nil:
		out.html, err = page.html()
	default:
		out.html, err = l.html(ev)
	}
	if err != nil {
		return out, fmt.Errorf("html: %w", err)
	}
	return out, nil
}

func (l letters) digest(d *sinks.Digest) (letter, error) {
	page := page{Title: oneLine(prose.Headline(d), subjectRunes), ID: oneLine(d.ID, subjectRunes)}
	for _, line := range prose.Lines(d) {
		line.Message = oneLine(line.Message, lineRunes)
		page.Lines = append(page.Lines, line)
	}
	if len(d.Groups) > 0 {
		page.More = prose.More(d)
	}
	out := letter{id: d.ID, date: d.Last, subject: page.Title, text: page.text()}
	if l.isThreaded && len(d.Groups) == 1 && d.MoreGroups == 0 {
		out.thread = d.Groups[0].Key
	}
	var err error
	if !l.plainOnly {
		out.html, err = page.html()
	}
	return out, err
}

// page is the default content: lines about one event or many.
type page struct {
	Title string
	Lines []prose.Line
	More  string
	ID    string
}

func pageOf(ev *event.Event) page {
	o := ev.InvolvedObject
	object := o.Name
	if o.Namespace != "" {
		object = o.Namespace + "/" + o.Name
	}
	what := []string{o.Kind + " " + object}
	for _, part := range []string{ev.ClusterName, ev.Component(), ev.Host()} {
		if part != "" {
			what = append(what, part)
		}
	}
	return page{ID: oneLine(ev.ID(), subjectRunes), Lines: []prose.Line{{
		Warning: ev.Type != "Normal", Reason: oneLine(ev.Reason, nameRunes), What: oneLine(strings.Join(what, " · "), subjectRunes),
		Count: prose.Times(int64(ev.Occurrences())), When: prose.Span(ev.FirstTimestamp.Time, ev.Time()),
		Message: prose.Cut(prose.Clean(ev.Message), messageRunes),
	}}}
}

// text has what an event says further in, so that it cannot pretend to be a line
// of ours.
func (p page) text() string {
	var b strings.Builder
	if p.Title != "" {
		b.WriteString(p.Title + "\n\n")
	}
	for _, l := range p.Lines {
		for _, part := range []string{l.Reason + " · " + oneLine(l.What, 0), l.Count + ", " + l.When} {
			b.WriteString(strings.TrimPrefix(part, " · ") + "\n")
		}
		if rest := strings.TrimSpace(l.Objects + " " + l.Held); rest != "" {
			b.WriteString(rest + "\n")
		}
		b.WriteString("\n    " + strings.ReplaceAll(l.Message, "\n", "\n    ") + "\n\n")
	}
	if p.More != "" {
		b.WriteString(p.More + "\n\n")
	}
	b.WriteString("-- \n" + p.ID + "\n")
	return prose.Unlinked(b.String())
}

//go:embed message.html
var messageHTML string

var pageTemplate = template.Must(template.New("message").Funcs(template.FuncMap{"unlinked": prose.Unlinked}).Parse(messageHTML))

func (p page) html() (string, error) {
	var b strings.Builder
	err := pageTemplate.Execute(&b, p)
	return b.String(), err
}

// plainText is what an event says, in a template of the user's own.
func plainText(text string) string { return prose.Unlinked(prose.Visible(text)) }

// oneLine is a text without line breaks of at most so many characters, 0 for any.
func oneLine(text string, limit int) string {
	text = strings.Join(strings.Fields(prose.Clean(text)), " ")
	if limit > 0 {
		return prose.Cut(text, limit)
	}
	return text
}

// encode makes the message as it goes over the wire, always the same one.
func (l letter) encode(to envelope) ([]byte, error) {
	// Out of the content itself: nobody can write a text that ends its own part.
	boundary := hash("boundary", l.id, l.subject, l.text, l.html)
	m := gomail.NewMsg(gomail.WithBoundary(boundary), gomail.WithNoDefaultUserAgent())
	if err := m.From(to.from.String()); err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	for _, list := range []struct {
		header    gomail.AddrHeader
		addresses []*mail.Address
	}{{gomail.HeaderTo, to.to}, {gomail.HeaderCc, to.cc}, {gomail.HeaderReplyTo, to.replyTo}} {
		if len(list.addresses) == 0 {
			continue
		}
		values := make([]string, len(list.addresses))
		for i, a := range list.addresses {
			values[i] = a.String()
		}
		if err := m.SetAddrHeader(list.header, values...); err != nil {
			return nil, fmt.Errorf("addresses: %w", err)
		}
	}
	m.Subject(oneLine(strings.ReplaceAll(l.subject, "<no value>", ""), subjectRunes))
	m.SetDateWithValue(l.date.UTC())
	at := "@" + domain(to.from)
	m.SetMessageIDWithValue(hash("message", l.id) + at)
	if l.thread != "" {
		root := "<" + hash("thread", l.thread) + at + ">"
		m.SetGenHeader(gomail.HeaderInReplyTo, root)
		m.SetGenHeader(gomail.HeaderReferences, root)
	}
	// Nobody's absence note answers it (RFC 3834).
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("X-Packetboat-ID", oneLine(l.id, subjectRunes))
	m.SetBodyString(gomail.TypeTextPlain, l.text)
	if l.html != "" {
		m.AddAlternativeString(gomail.TypeTextHTML, l.html)
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	if !bytes.HasSuffix(b.Bytes(), []byte("\r\n")) {
		b.WriteString("\r\n")
	}
	return b.Bytes(), nil
}

func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
