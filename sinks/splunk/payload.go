package splunk

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// idField is the indexed field by which a repetition is recognised, whatever the
// layout.
const idField = "packetboat_id"

// envelope is one event as the collector takes it.
type envelope struct {
	Time       json.Number       `json:"time,omitempty"`
	Host       string            `json:"host,omitempty"`
	Source     string            `json:"source,omitempty"`
	SourceType string            `json:"sourcetype,omitempty"`
	Index      string            `json:"index,omitempty"`
	Event      json.RawMessage   `json:"event"`
	Fields     map[string]string `json:"fields"`
}

type template func(*event.Event) (string, error)

type encoder struct {
	host, source, sourceType, index template
	fields                          map[string]template
	payload                         func(*event.Event) ([]byte, error)
}

func newEncoder(c Config, compiler sinks.Compiler) (*encoder, error) {
	e := &encoder{fields: map[string]template{}}
	for _, t := range []struct {
		name string
		text sinks.Template
		to   *template
	}{
		{"host", c.Host, &e.host},
		{"source", c.Source, &e.source},
		{"sourcetype", c.SourceType, &e.sourceType},
		{"index", c.Index, &e.index},
	} {
		render, err := compiler.Template(t.text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		*t.to = render
	}
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		render, err := compiler.Template(c.Fields[name])
		if err != nil {
			return nil, fmt.Errorf("fields: %s: %w", name, err)
		}
		e.fields[name] = render
	}
	var err error
	e.payload, err = compiler.Payload(c.Payload)
	return e, err
}

func (e *encoder) encode(ev *event.Event) ([]byte, error) {
	out := envelope{Fields: map[string]string{idField: ev.ID()}}
	// Without a time Splunk takes its own.
	if at := ev.Time(); !at.IsZero() {
		out.Time = json.Number(fmt.Sprintf("%d.%06d", at.Unix(), at.Nanosecond()/1000))
	}
	for _, t := range []struct {
		name   string
		render template
		to     *string
	}{
		{"host", e.host, &out.Host},
		{"source", e.source, &out.Source},
		{"sourcetype", e.sourceType, &out.SourceType},
		{"index", e.index, &out.Index},
	} {
		value, err := t.render(ev)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		*t.to = value
	}
	for name, render := range e.fields {
		value, err := render(ev)
		if err != nil {
			return nil, fmt.Errorf("fields: %s: %w", name, err)
		}
		if value != "" {
			out.Fields[name] = value
		}
	}
	var err error
	if out.Event, err = e.payload(ev); err != nil {
		return nil, err
	}
	body, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode the event: %w", err)
	}
	return body, nil
}
