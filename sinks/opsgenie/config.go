package opsgenie

import (
	"errors"
	"fmt"
	"strings"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks/alert"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below opsgenie: in a receiver.
type Config struct {
	// APIKey is that of an API integration.
	APIKey secret.String `yaml:"apiKey"`
	// URL is a host, as upstream, or the address above /v2/alerts.
	URL string `yaml:"URL"`

	Alert alert.Config    `yaml:",inline"`
	HTTP  httppost.Config `yaml:",inline"`
}

func defaults() Config { return Config{URL: "api.opsgenie.com", Alert: alert.Defaults()} }

func (c Config) check() error {
	if c.APIKey.IsZero() {
		return errors.New("apiKey: is missing")
	}
	u, err := httppost.ParseURL(c.address())
	if err != nil {
		return fmt.Errorf("URL: %w", err)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return errors.New("URL: want a host, or an address without a query")
	}
	return c.Alert.Check(false)
}

// address is https unless the user wrote something else. Upstream's client spoke
// http to any host without "api" in its name.
func (c Config) address() string {
	if strings.Contains(c.URL, "://") {
		return c.URL
	}
	return "https://" + c.URL
}
