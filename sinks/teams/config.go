package teams

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below teams: in a receiver.
type Config struct {
	// Endpoint is the address of a workflow or a connector. Who knows it may post.
	Endpoint secret.String `yaml:"endpoint"`
	// Format is that of the body: auto goes by the host of the endpoint.
	Format format `yaml:"format"`
	// Headers are sent too. Their values are rendered for each event.
	Headers map[string]sinks.SecretTemplate `yaml:"headers"`
	// Card replaces the card of an event: an Adaptive Card of the user's own, in
	// which every text is a template. For workflows only.
	Card sinks.Layout `yaml:"card"`

	HTTP    httppost.Config `yaml:",inline"`
	Payload sinks.Payload   `yaml:",inline"`
}

type format string

const (
	auto      format = "auto"      // by the endpoint's host
	workflows format = "workflows" // an Adaptive Card
	connector format = "connector" // a text, as upstream
)

func defaults() Config {
	return Config{Format: auto, HTTP: httppost.Config{Timeout: httppost.DefaultTimeout}}
}

func (c Config) check() error {
	if c.url() == "" {
		return errors.New("endpoint: is missing")
	}
	if _, err := httppost.ParseURL(c.url()); err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	if !slices.Contains([]format{auto, workflows, connector}, c.Format) {
		return fmt.Errorf("format: want auto, workflows or connector, got %q", c.Format)
	}
	if !c.Card.IsZero() {
		at := sinks.Position{Line: c.Card.Node.Line, Column: c.Card.Node.Column}
		switch {
		case c.format() == connector:
			return at.Errorf("card: a connector takes no cards; with an endpoint of a workflow, set format: workflows")
		case !c.Payload.Layout.IsZero():
			return at.Errorf("card: cannot be set beside layout")
		}
	}
	return c.checkHeaders()
}

func (c Config) checkHeaders() error {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		at := c.Headers[name].Position
		if !httpguts.ValidHeaderFieldName(name) {
			return at.Errorf("headers: %q is not a header name", name)
		}
		canonical := http.CanonicalHeaderKey(name)
		if other, twice := seen[canonical]; twice {
			return at.Errorf("headers: %s and %s are the same header", other, name)
		}
		seen[canonical] = name
	}
	return nil
}

// url: a text out of a file ends in a line break.
func (c Config) url() string { return strings.TrimSpace(c.Endpoint.Reveal()) }

// format is never auto. What is not known for workflows gets what upstream sends
// everywhere, so that a file for it works unchanged.
func (c Config) format() format {
	if c.Format != auto {
		return c.Format
	}
	u, err := url.Parse(c.url())
	if err != nil {
		return connector
	}
	for _, domain := range []string{
		"logic.azure.com", "logic.azure.us", "logic.azure.cn",
		"powerplatform.com", "powerplatform.microsoft.us", "appsplatform.us", "powerplatform.partner.microsoftonline.cn",
	} {
		if strings.HasSuffix("."+strings.ToLower(u.Hostname()), "."+domain) {
			return workflows
		}
	}
	return connector
}
