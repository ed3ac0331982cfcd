package pagerduty

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below pagerduty: in a receiver. The keys are those of the
// Events API. All templates are rendered for each event, and for a digest on the
// newest one of its most urgent group.
type Config struct {
	// RoutingKey is the integration key of a service or an event orchestration.
	RoutingKey secret.String `yaml:"routing_key"`
	// URL is that of the region.
	URL string `yaml:"url"`
	// DedupKey names the alert; while one of a name is open there is no second.
	DedupKey sinks.Template `yaml:"dedup_key"`
	// Summary is what the alert says in one line.
	Summary sinks.Template `yaml:"summary"`
	// Source is what is in trouble.
	Source sinks.Template `yaml:"source"`
	// Severity is critical, error, warning or info.
	Severity sinks.Template `yaml:"severity"`
	// Component is the part of the source that is.
	Component sinks.Template `yaml:"component"`
	// Group is what the source belongs to.
	Group sinks.Template `yaml:"group"`
	// Class is the kind of trouble.
	Class sinks.Template `yaml:"class"`
	// CustomDetails are shown with the alert.
	CustomDetails map[string]sinks.Template `yaml:"custom_details"`
	// Links are shown with the alert.
	Links []link `yaml:"links"`
	// Client is the name of the program that reports.
	Client sinks.Template `yaml:"client"`
	// ClientURL is where it can be looked at.
	ClientURL sinks.Template `yaml:"client_url"`

	HTTP httppost.Config `yaml:",inline"`
}

// link stands beside an alert. One that is no http or https address for an event
// is left out.
type link struct {
	// Href is the address.
	Href sinks.Template `yaml:"href"`
	// Text is what stands for it.
	Text sinks.Template `yaml:"text"`
}

func defaults() Config {
	return Config{
		URL: "https://events.pagerduty.com",
		Summary: sinks.Template{Text: "{{ .InvolvedObject.Kind }} " +
			"{{ with .InvolvedObject.Namespace }}{{ . }}/{{ end }}{{ .InvolvedObject.Name }}: {{ .Reason }}: {{ .Message }}"},
		Source:    sinks.Template{Text: `{{ .ClusterName | default "kubernetes" }}`},
		Component: sinks.Template{Text: "{{ .Owner }}"},
		Group:     sinks.Template{Text: "{{ .InvolvedObject.Namespace }}"},
		Class:     sinks.Template{Text: "{{ .Reason }}"},
		Client:    sinks.Template{Text: "packetboat"},
	}
}

// defaultDetails are not in defaults: what a user lists would be added to them.
func defaultDetails() map[string]sinks.Template {
	return map[string]sinks.Template{
		"message":   {Text: "{{ .Message }}"},
		"namespace": {Text: "{{ .InvolvedObject.Namespace }}"},
		"kind":      {Text: "{{ .InvolvedObject.Kind }}"},
		"name":      {Text: "{{ .InvolvedObject.Name }}"},
		"type":      {Text: "{{ .Type }}"},
		"count":     {Text: "{{ .Occurrences }}"},
		"reporter":  {Text: "{{ .Component }}"},
		"host":      {Text: "{{ .Host }}"},
	}
}

const enqueuePath = "/v2/enqueue"

func severities() []string { return []string{"critical", "error", "warning", "info"} }

func (c Config) check() error {
	if c.RoutingKey.IsZero() {
		return errors.New("routing_key: is missing")
	}
	u, err := httppost.ParseURL(c.URL)
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	if u.RawQuery != "" {
		return errors.New("url: want the address of the region, without a query")
	}
	for key, t := range map[string]sinks.Template{"summary": c.Summary, "source": c.Source} {
		if t.IsZero() {
			return fmt.Errorf("%s: is empty", key)
		}
	}
	if s := c.Severity; !s.IsZero() && !strings.Contains(s.Text, "{{") && !slices.Contains(severities(), s.Text) {
		return s.Position.Errorf("severity: want %s, got %q", strings.Join(severities(), ", "), s.Text)
	}
	if n := len(c.Links); n > maxLinks {
		return fmt.Errorf("links: want at most %d, got %d", maxLinks, n)
	}
	for i, l := range c.Links {
		if l.Href.IsZero() {
			return fmt.Errorf("links[%d]: href: is missing", i)
		}
	}
	return nil
}

// endpoint is what the client library puts the path to.
func (c Config) endpoint() string {
	return strings.TrimSuffix(strings.TrimSuffix(c.URL, "/"), enqueuePath)
}
