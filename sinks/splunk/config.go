package splunk

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below splunk: in a receiver.
type Config struct {
	// URL is the HTTP Event Collector's; without a path it is that of events.
	URL secret.String `yaml:"url"`
	// Token is that of the HTTP Event Collector.
	Token secret.String `yaml:"token"`
	// Index, Source, SourceType and Host are metadata of an event.
	Index      sinks.Template `yaml:"index"`
	Source     sinks.Template `yaml:"source"`
	SourceType sinks.Template `yaml:"sourcetype"`
	Host       sinks.Template `yaml:"host"`
	// Fields are indexed fields beside the event.
	Fields map[string]sinks.Template `yaml:"fields"`
	// Ack waits until the events are indexed; the token must have it enabled.
	Ack bool `yaml:"ack"`
	// Channel is the GUID of a request channel, by default a new one for each run.
	Channel string `yaml:"channel"`
	// Gzip compresses requests.
	Gzip bool `yaml:"gzip"`

	HTTP    httppost.Config `yaml:",inline"`
	Payload sinks.Payload   `yaml:",inline"`
}

func defaults() Config {
	return Config{
		Source:     sinks.Template{Text: "packetboat"},
		SourceType: sinks.Template{Text: "_json"},
	}
}

var guid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

func (c Config) check() error {
	if c.URL.IsZero() {
		return errors.New("url: is missing")
	}
	if _, err := httppost.ParseURL(c.URL.Reveal()); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	if c.Token.IsZero() {
		return errors.New("token: is missing")
	}
	if c.Channel != "" && !guid.MatchString(c.Channel) {
		return errors.New("channel: want a GUID")
	}
	if at, has := c.Fields[idField]; has {
		return at.Position.Errorf("fields: %s is the event's ID", idField)
	}
	return nil
}

const (
	eventPath = "/services/collector/event"
	ackPath   = "/services/collector/ack"
)

// addresses are those for events and for asking what is indexed.
func (c Config) addresses() (events, acks string, err error) {
	u, err := httppost.ParseURL(c.URL.Reveal())
	if err != nil {
		return "", "", fmt.Errorf("url: %w", err)
	}
	before, _, _ := strings.Cut(strings.TrimSuffix(u.Path, "/"), "/services/collector")
	u.RawQuery, u.Path = "", before+ackPath
	acks = u.String()
	u.Path = before + eventPath
	return u.String(), acks, nil
}
