package alert

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/prose"
)

// body is an alert as the services take it.
type body struct {
	Message     string      `json:"message"`
	Alias       string      `json:"alias"`
	Description string      `json:"description,omitempty"`
	Responders  []recipient `json:"responders,omitempty"`
	VisibleTo   []recipient `json:"visibleTo,omitempty"`
	Tags        []string    `json:"tags,omitempty"`
	// One of these: they are the same, by the name that the service gives them.
	Details         map[string]string `json:"details,omitempty"`
	ExtraProperties map[string]string `json:"extraProperties,omitempty"`
	Entity          string            `json:"entity,omitempty"`
	Source          string            `json:"source,omitempty"`
	Priority        string            `json:"priority"`
	Note            string            `json:"note,omitempty"`
}

type recipient struct {
	Type     string `json:"type"`
	ID       string `json:"id,omitempty"`
	Name     string `json:"name,omitempty"`
	Username string `json:"username,omitempty"`
}

// Ending is the body of the record that ends an alert.
type Ending struct {
	Alias string `json:"alias"`
	Ended
}

// Ended is what a service is told of the end of an alert.
type Ended struct {
	Source string `json:"source"`
	Note   string `json:"note"`
}

// Encoder makes records of events, digests and ends of alerts.
type Encoder struct {
	message, alias, description, priority, entity, source, note Text

	tags                  []Text
	properties            Properties
	responders, visibleTo []addressee
	extraProperties       bool
}

// addressee is a compiled Recipient.
type addressee struct {
	kind string
	name Text
	of   func(kind, name string) recipient
}

// NewEncoder compiles a Config. The services show HTML in what people read; what
// comes out of an event is none. extraProperties is the name that some have for
// the details.
func NewEncoder(c Config, compiler sinks.Compiler, extraProperties bool) (*Encoder, error) {
	e := &Encoder{extraProperties: extraProperties}
	html := compiler.Escaping(escapeHTML)
	var err error
	for _, field := range []struct {
		into     *Text
		key      string
		from     sinks.Template
		limit    int
		compiler sinks.Compiler
		compile  func(c sinks.Compiler, key string, t sinks.Template, limit int) (Text, error)
	}{
		{&e.message, "message", c.Message, maxMessage, html, Line},
		{&e.description, "description", c.Description, maxDescription, html, Lines},
		{&e.note, "note", c.Note, maxNote, html, Lines},
		{&e.alias, "alias", c.Alias, maxAlias, compiler, Naming},
		{&e.priority, "priority", c.Priority, 0, compiler, Line},
		{&e.entity, "entity", c.Entity, maxEntity, compiler, Line},
		{&e.source, "source", c.Source, maxSource, compiler, Line},
	} {
		if *field.into, err = field.compile(field.compiler, field.key, field.from, field.limit); err != nil {
			return nil, err
		}
	}
	e.message = Required("message", c.Message.Position, e.message)
	e.priority = OneOf(e.priority, priorities(), func(*event.Event) string { return defaultPriority })
	for i, t := range c.Tags {
		tag, err := Line(compiler, fmt.Sprintf("tags[%d]", i), t, maxTag)
		if err != nil {
			return nil, err
		}
		e.tags = append(e.tags, tag)
	}
	if e.properties, err = CompileProperties(compiler, "details", c.Details, maxDetails); err != nil {
		return nil, err
	}
	if e.responders, err = addressees(compiler, "responders", c.Responders); err != nil {
		return nil, err
	}
	e.visibleTo, err = addressees(compiler, "visibleTo", c.VisibleTo)
	return e, err
}

func addressees(c sinks.Compiler, key string, from []Recipient) ([]addressee, error) {
	all := make([]addressee, len(from))
	for i, r := range from {
		a := &all[i]
		t := r.ID
		a.kind, a.of = r.Type, func(kind, name string) recipient { return recipient{Type: kind, ID: name} }
		switch {
		case !r.Name.IsZero():
			t, a.of = r.Name, func(kind, name string) recipient { return recipient{Type: kind, Name: name} }
		case !r.Username.IsZero():
			t, a.of = r.Username, func(kind, name string) recipient { return recipient{Type: kind, Username: name} }
		}
		var err error
		if a.name, err = Line(c, fmt.Sprintf("%s[%d]", key, i), t, maxEntity); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// escapeHTML makes text out of what would be markup. Quotes stay: they mean
// something only inside of a tag.
func escapeHTML(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// Event makes the record of an event.
func (e *Encoder) Event(ev *event.Event) (sinks.Record, error) {
	b, err := e.fields(ev, ev.ID())
	if err != nil {
		return sinks.Record{}, err
	}
	if b.Message, err = e.message(ev); err != nil {
		return sinks.Record{}, err
	}
	if b.Alias, err = e.alias(ev); err != nil {
		return sinks.Record{}, err
	}
	if b.Description, err = e.description(ev); err != nil {
		return sinks.Record{}, err
	}
	return b.record(ev.ID(), ev)
}

// Digest makes the record of a digest.
func (e *Encoder) Digest(d *sinks.Digest) (sinks.Record, error) {
	b, err := e.fields(Foremost(d), d.ID)
	if err != nil {
		return sinks.Record{}, err
	}
	b.Message = prose.Cut(escapeHTML(OneLine(prose.Headline(d))), maxMessage)
	b.Alias = NameOfDigest(d)
	b.Description = Describe(d, maxDescription, escapeHTML)
	return b.record(d.ID, d.Newest)
}

// Resolve makes the record that ends an alert.
func (*Encoder) Resolve(name string, since time.Time) (sinks.Record, error) {
	note := "Nothing came since " + prose.Span(since, since) + "."
	raw, err := json.Marshal(Ending{Alias: name, Ended: Ended{Source: "packetboat", Note: note}})
	return sinks.Record{ID: EndID(name, since), Body: raw}, err
}

// EndID is the ID of the record that ends an alert.
func EndID(name string, since time.Time) string {
	return fmt.Sprintf("end-%s-%d", digest("end", name), since.Unix())
}

// fields are those that events and digests have in common.
func (e *Encoder) fields(ev *event.Event, id string) (b body, err error) {
	for _, field := range []struct {
		into *string
		from Text
	}{{&b.Priority, e.priority}, {&b.Entity, e.entity}, {&b.Source, e.source}, {&b.Note, e.note}} {
		if *field.into, err = field.from(ev); err != nil {
			return body{}, err
		}
	}
	for _, t := range e.tags {
		tag, err := t(ev)
		if err != nil {
			return body{}, err
		}
		if tag != "" {
			b.Tags = append(b.Tags, tag)
		}
	}
	if b.Responders, err = recipients(e.responders, ev); err != nil {
		return body{}, err
	}
	if b.VisibleTo, err = recipients(e.visibleTo, ev); err != nil {
		return body{}, err
	}
	properties, err := e.properties.Of(ev, id)
	if e.extraProperties {
		b.ExtraProperties = properties
	} else {
		b.Details = properties
	}
	return b, err
}

func recipients(all []addressee, ev *event.Event) (those []recipient, _ error) {
	for _, a := range all {
		name, err := a.name(ev)
		if err != nil {
			return nil, err
		}
		if name != "" {
			those = append(those, a.of(a.kind, name))
		}
	}
	return those, nil
}

func (b body) record(id string, ev *event.Event) (sinks.Record, error) {
	raw, err := json.Marshal(b)
	if err != nil {
		return sinks.Record{}, fmt.Errorf("encode the alert: %w", err)
	}
	return sinks.Record{ID: id, Alert: b.Alias, Event: ev, Body: raw}, nil
}
