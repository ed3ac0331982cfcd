package loki

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"golang.org/x/net/http/httpguts"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below loki: in a receiver.
type Config struct {
	// URL is where to push; without a path it is that of Loki's push API.
	URL secret.String `yaml:"url"`
	// StreamLabels name the stream that an event goes to.
	StreamLabels map[string]sinks.Template `yaml:"streamLabels"`
	// StructuredMetadata goes with an entry and names no stream.
	StructuredMetadata map[string]sinks.Template `yaml:"structuredMetadata"`
	// Tenant is sent as X-Scope-OrgID.
	Tenant sinks.Template `yaml:"tenant"`
	// Headers are added to every request; their values are rendered for each event.
	Headers map[string]sinks.SecretTemplate `yaml:"headers"`
	// Username and Password are basic authentication.
	Username string        `yaml:"username"`
	Password secret.String `yaml:"password"`

	HTTP    httppost.Config `yaml:",inline"`
	Payload sinks.Payload   `yaml:",inline"`
}

const pushPath = "/loki/api/v1/push"

func defaults() Config { return Config{} }

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func (c Config) check() error {
	if c.URL.IsZero() {
		return errors.New("url: is missing")
	}
	if _, err := httppost.ParseURL(c.URL.Reveal()); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	for key, names := range map[string]map[string]sinks.Template{"streamLabels": c.StreamLabels, "structuredMetadata": c.StructuredMetadata} {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if !labelName.MatchString(name) {
				return names[name].Position.Errorf("%s: %q is not a label name: letters, digits and _ only", key, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		at := c.Headers[name].Position
		if !httpguts.ValidHeaderFieldName(name) {
			return at.Errorf("headers: %q is not a header name", name)
		}
		switch canonical := http.CanonicalHeaderKey(name); {
		case canonical == tenantHeader && !c.Tenant.IsZero():
			return at.Errorf("headers: %s cannot be set beside tenant", name)
		case canonical == "Authorization" && (c.Username != "" || !c.Password.IsZero()):
			return at.Errorf("headers: %s cannot be set beside username and password", name)
		}
	}
	return nil
}

// address is the URL with the path of the push API, if it has none.
func (c Config) address() (string, error) {
	u, err := httppost.ParseURL(c.URL.Reveal())
	if err != nil {
		return "", fmt.Errorf("url: %w", err)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = pushPath
	}
	return u.String(), nil
}
