package mattermost

import (
	"errors"
	"fmt"
	"strings"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below mattermost: in a receiver. All templates are
// rendered for each event.
type Config struct {
	// WebhookURL is the address of an incoming webhook.
	WebhookURL secret.String `yaml:"webhookURL"`
	// Channel replaces the webhook's own, FallbackChannel takes its place where the
	// template gives none.
	Channel         sinks.Template `yaml:"channel"`
	FallbackChannel string         `yaml:"fallbackChannel"`
	// Username, IconURL and IconEmoji are who the message seems to be from.
	Username  string `yaml:"username"`
	IconURL   string `yaml:"iconURL"`
	IconEmoji string `yaml:"iconEmoji"`

	// Message is the text of the message.
	Message sinks.Template `yaml:"message"`
	// Color is that of the card's side: good, warning, danger or a number such as #ff8800.
	Color sinks.Template `yaml:"color"`
	// Footer stands below the card's fields.
	Footer sinks.Template `yaml:"footer"`
	// Title is the card's.
	Title sinks.Template `yaml:"title"`
	// AuthorName stands above the card's title.
	AuthorName sinks.Template `yaml:"author_name"`
	// Fields are what the card shows side by side, in the order of their names.
	Fields map[string]sinks.Template `yaml:"fields"`

	HTTP httppost.Config `yaml:",inline"`
}

func defaults() Config { return Config{HTTP: httppost.Config{Timeout: httppost.DefaultTimeout}} }

const (
	urgentColor  = "#d97706"
	calmColor    = "#2563eb"
	defaultColor = `{{ if eq .Type "Normal" }}` + calmColor + "{{ else }}" + urgentColor + "{{ end }}"

	defaultMessage = "**{{ .Reason }}** {{ .InvolvedObject.Kind }} " +
		"{{ with .InvolvedObject.Namespace }}{{ . }}/{{ end }}{{ .InvolvedObject.Name }}\n{{ .Message }}"
)

func (c *Config) check() error {
	if c.WebhookURL.IsZero() {
		return errors.New("webhookURL: is missing")
	}
	if _, err := httppost.ParseURL(c.webhook()); err != nil {
		return fmt.Errorf("webhookURL: %w", err)
	}
	if c.Message.IsZero() && c.Title.IsZero() && c.AuthorName.IsZero() && c.Footer.IsZero() && len(c.Fields) == 0 {
		c.Message = sinks.Template{Text: defaultMessage}
		if c.Color.IsZero() {
			c.Color = sinks.Template{Text: defaultColor}
		}
	}
	return nil
}

// webhook is trimmed: a secret out of a file ends in a line break.
func (c *Config) webhook() string { return strings.TrimSpace(c.WebhookURL.Reveal()) }
