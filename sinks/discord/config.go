package discord

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below discord: in a receiver. All templates are rendered
// for each event.
type Config struct {
	// WebhookURL is the address of a channel's webhook.
	WebhookURL secret.String `yaml:"webhookURL"`
	// ThreadID posts into a thread of the channel.
	ThreadID string `yaml:"threadID"`
	// Username and AvatarURL are who the message seems to be from.
	Username  string `yaml:"username"`
	AvatarURL string `yaml:"avatarURL"`
	// Message stands above the card. With it each event is a message of its own.
	Message sinks.Template `yaml:"message"`
	// AllowedMentions are the kinds of mentions in Message that notify.
	AllowedMentions []string `yaml:"allowedMentions"`

	// Title is the card's.
	Title sinks.Template `yaml:"title"`
	// Text is the card's.
	Text sinks.Template `yaml:"text"`
	// Color is that of the card's side, such as #ff8800.
	Color sinks.Template `yaml:"color"`
	// Footer stands below the card's fields.
	Footer sinks.Template `yaml:"footer"`
	// AuthorName stands above the card's title.
	AuthorName sinks.Template `yaml:"author_name"`
	// Fields are what the card shows side by side, in the order of their names.
	Fields map[string]sinks.Template `yaml:"fields"`

	HTTP httppost.Config `yaml:",inline"`
}

const (
	urgentColor = "#d97706"
	calmColor   = "#2563eb"
)

func defaults() Config {
	return Config{
		Title: sinks.Template{Text: "{{ .Reason }} · {{ .InvolvedObject.Kind }} " +
			"{{ with .InvolvedObject.Namespace }}{{ . }}/{{ end }}{{ .InvolvedObject.Name }}"},
		Text:            sinks.Template{Text: "{{ .Message }}"},
		Color:           sinks.Template{Text: `{{ if eq .Type "Normal" }}` + calmColor + "{{ else }}" + urgentColor + "{{ end }}"},
		AllowedMentions: []string{},
		HTTP:            httppost.Config{Timeout: httppost.DefaultTimeout},
	}
}

func (c *Config) check() error {
	if c.WebhookURL.IsZero() {
		return errors.New("webhookURL: is missing")
	}
	if _, err := c.endpoint(); err != nil {
		return fmt.Errorf("webhookURL: %w", err)
	}
	if len(c.Fields) > maxFields {
		return fmt.Errorf("fields: %d are more than %d", len(c.Fields), maxFields)
	}
	for _, kind := range c.AllowedMentions {
		if !slices.Contains([]string{"users", "roles", "everyone"}, kind) {
			return fmt.Errorf("allowedMentions: want users, roles or everyone, got %q", kind)
		}
	}
	if c.AllowedMentions == nil {
		c.AllowedMentions = []string{} // null would allow all
	}
	return nil
}

// endpoint waits until the message is stored: without that Discord accepts what
// it then does not post. A secret out of a file ends in a line break.
func (c *Config) endpoint() (string, error) {
	u, err := httppost.ParseURL(strings.TrimSpace(c.WebhookURL.Reveal()))
	if err != nil {
		return "", err
	}
	query := u.Query()
	query.Set("wait", "true")
	if c.ThreadID != "" {
		query.Set("thread_id", c.ThreadID)
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}
