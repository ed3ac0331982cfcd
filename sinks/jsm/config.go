package jsm

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks/alert"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below jsm: in a receiver. It holds the key of an
// integration, or who somebody is at a site.
type Config struct {
	// APIKey is that of an API integration, as in Opsgenie.
	APIKey secret.String `yaml:"apiKey"`
	// CloudID is the site, Email and APIToken the account that creates the alerts.
	CloudID  string        `yaml:"cloudID"`
	Email    string        `yaml:"email"`
	APIToken secret.String `yaml:"apiToken"`
	// URL is the address above integration/ and api/.
	URL string `yaml:"url"`

	Alert alert.Config    `yaml:",inline"`
	HTTP  httppost.Config `yaml:",inline"`
}

func defaults() Config {
	return Config{URL: "https://api.atlassian.com/jsm/ops", Alert: alert.Defaults()}
}

func (c Config) check() error {
	byKey, bySite := !c.APIKey.IsZero(), c.CloudID != "" || c.Email != "" || !c.APIToken.IsZero()
	switch {
	case byKey && bySite:
		return errors.New("apiKey: cannot be set beside cloudID, email and apiToken")
	case !byKey && !bySite:
		return errors.New("apiKey: is missing; or set cloudID, email and apiToken")
	case bySite && (c.CloudID == "" || c.Email == "" || c.APIToken.IsZero()):
		return errors.New("cloudID, email and apiToken: want all three")
	case strings.ContainsAny(c.CloudID, "/.?#% "):
		return errors.New("cloudID: want a UUID, as https://SITE.atlassian.net/_edge/tenant_info shows it")
	}
	if _, err := httppost.ParseURL(c.URL); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	return c.Alert.Check(true)
}

// address is that of the integration, or above the site's alerts.
func (c Config) address() string {
	base := strings.TrimSuffix(c.URL, "/")
	if c.CloudID == "" {
		return base + "/integration"
	}
	return base + "/api/" + url.PathEscape(c.CloudID) + "/v1/alerts"
}
