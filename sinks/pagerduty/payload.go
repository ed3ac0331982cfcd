package pagerduty

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/alert"
	"github.com/packetboat/packetboat/sinks/httppost"
	"github.com/packetboat/packetboat/sinks/prose"
)

// What PagerDuty takes, in characters:
// https://developer.pagerduty.com/docs/send-alert-event (summary, dedup_key) and
// https://developer.pagerduty.com/docs/events-api-v2-overview (512 KB).
const (
	maxSummary  = 1024
	maxDedupKey = 255
	// The other texts have no limit of their own. As JSON a character is at most
	// six bytes, so that everything together is less than 512 KB.
	maxText    = 255
	maxDetails = 40_000
	maxHref    = 2048
	maxLinks   = 10
)

// encoder makes bodies: events of the API without their routing key.
type encoder struct {
	dedupKey, summary, source, severity, component, group, class, client, clientURL alert.Text

	details alert.Properties
	links   []compiledLink
}

type compiledLink struct{ href, text alert.Text }

func newEncoder(c Config, compiler sinks.Compiler) (*encoder, error) {
	e := &encoder{}
	var err error
	for _, field := range []struct {
		into    *alert.Text
		key     string
		from    sinks.Template
		limit   int
		compile func(c sinks.Compiler, key string, t sinks.Template, limit int) (alert.Text, error)
	}{
		{&e.dedupKey, "dedup_key", c.DedupKey, maxDedupKey, alert.Naming},
		{&e.summary, "summary", c.Summary, maxSummary, alert.Line},
		{&e.source, "source", c.Source, maxText, alert.Line},
		{&e.severity, "severity", c.Severity, maxText, alert.Line},
		{&e.component, "component", c.Component, maxText, alert.Line},
		{&e.group, "group", c.Group, maxText, alert.Line},
		{&e.class, "class", c.Class, maxText, alert.Line},
		{&e.client, "client", c.Client, maxText, alert.Line},
		{&e.clientURL, "client_url", c.ClientURL, maxHref, alert.Line},
	} {
		if *field.into, err = field.compile(compiler, field.key, field.from, field.limit); err != nil {
			return nil, err
		}
	}
	e.summary = alert.Required("summary", c.Summary.Position, e.summary)
	e.source = alert.Required("source", c.Source.Position, e.source)
	e.severity = alert.OneOf(e.severity, severities(), severityOf)
	details := c.CustomDetails
	if details == nil {
		details = defaultDetails()
	}
	if e.details, err = alert.CompileProperties(compiler, "custom_details", details, maxDetails); err != nil {
		return nil, err
	}
	e.links, err = compileLinks(c.Links, compiler)
	return e, err
}

func compileLinks(from []link, c sinks.Compiler) ([]compiledLink, error) {
	links := make([]compiledLink, len(from))
	for i, l := range from {
		var err error
		if links[i].href, err = alert.Line(c, fmt.Sprintf("links[%d]: href", i), l.Href, 0); err != nil {
			return nil, err
		}
		if links[i].text, err = alert.Line(c, fmt.Sprintf("links[%d]: text", i), l.Text, maxText); err != nil {
			return nil, err
		}
	}
	return links, nil
}

// severityOf is what the API asks for where the configuration does not say.
func severityOf(ev *event.Event) string {
	if ev.Type == "Normal" {
		return "info"
	}
	return "warning"
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	e, err := s.encoder.common(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	if e.DedupKey, err = s.encoder.dedupKey(ev); err != nil {
		return sinks.Record{}, err
	}
	if e.Payload.Summary, err = s.encoder.summary(ev); err != nil {
		return sinks.Record{}, err
	}
	details, err := s.encoder.details.Of(ev, ev.ID())
	if err != nil {
		return sinks.Record{}, err
	}
	e.Payload.Details = details
	raw, err := json.Marshal(e)
	return sinks.Record{ID: ev.ID(), Alert: e.DedupKey, Event: ev, Body: raw}, err
}

// EncodeDigest tells the groups in the details, in words.
func (s *sink) EncodeDigest(d *sinks.Digest) (sinks.Record, error) {
	e, err := s.encoder.common(alert.Foremost(d))
	if err != nil {
		return sinks.Record{}, err
	}
	details, err := s.encoder.details.Of(alert.Foremost(d), d.ID)
	if err != nil {
		return sinks.Record{}, err
	}
	e.DedupKey = alert.NameOfDigest(d)
	e.Payload.Summary = prose.Cut(alert.OneLine(prose.Headline(d)), maxSummary)
	e.Payload.Details = digestDetails{ID: d.ID, Groups: alert.Describe(d, maxDescription, asItIs), Newest: details}
	raw, err := json.Marshal(e)
	return sinks.Record{ID: d.ID, Alert: e.DedupKey, Event: d.Newest, Body: raw}, err
}

// EncodeResolve ends the alert. The API takes no word beside it.
func (s *sink) EncodeResolve(name string, since time.Time) (sinks.Record, error) {
	raw, err := json.Marshal(api.V2Event{Action: "resolve", DedupKey: name})
	return sinks.Record{ID: alert.EndID(name, since), Body: raw}, err
}

// maxDescription is as much as a person reads on a page.
const maxDescription = 15_000

type digestDetails struct {
	ID     string            `json:"eventID"`
	Groups string            `json:"groups"`
	Newest map[string]string `json:"newest"`
}

func asItIs(text string) string { return text }

// common are the fields that events and digests have in common.
func (e *encoder) common(ev *event.Event) (api.V2Event, error) {
	p := &api.V2Payload{Timestamp: ev.Time().Format(time.RFC3339Nano)}
	v := api.V2Event{Action: "trigger", Payload: p}
	for _, field := range []struct {
		into *string
		from alert.Text
	}{
		{&p.Source, e.source},
		{&p.Severity, e.severity},
		{&p.Component, e.component},
		{&p.Group, e.group},
		{&p.Class, e.class},
		{&v.Client, e.client},
		{&v.ClientURL, e.clientURL},
	} {
		var err error
		if *field.into, err = field.from(ev); err != nil {
			return api.V2Event{}, err
		}
	}
	if !isAddress(v.ClientURL) {
		v.ClientURL = ""
	}
	if ev.Time().IsZero() {
		p.Timestamp = ""
	}
	var err error
	v.Links, err = e.linksOf(ev)
	return v, err
}

func (e *encoder) linksOf(ev *event.Event) (links []any, _ error) {
	for _, l := range e.links {
		href, err := l.href(ev)
		if err != nil {
			return nil, err
		}
		text, err := l.text(ev)
		if err != nil {
			return nil, err
		}
		if isAddress(href) {
			links = append(links, wireLink{href, text})
		}
	}
	return slices.Clip(links), nil
}

type wireLink struct {
	Href string `json:"href"`
	Text string `json:"text,omitempty"`
}

// isAddress: a page that people click on must not be of another kind than the web,
// such as javascript:.
func isAddress(href string) bool {
	_, err := httppost.ParseURL(href)
	return err == nil && len(href) <= maxHref
}
