package slack

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below slack: in a receiver. All templates are rendered
// for each event.
type Config struct {
	// Token is a bot's, WebhookURL the address of an incoming webhook: one of them.
	Token      secret.String `yaml:"token"`
	WebhookURL secret.String `yaml:"webhookURL"`
	// APIURL is another place of the API than https://slack.com/api/.
	APIURL string `yaml:"apiURL"`

	// Channel is an ID or a name; FallbackChannel takes its place where the
	// template gives none.
	Channel         sinks.Template `yaml:"channel"`
	FallbackChannel string         `yaml:"fallbackChannel"`
	// Thread is object for one conversation per involved object, or empty.
	Thread string `yaml:"thread"`

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
	// Blocks is a list of Block Kit's blocks, every text a template.
	Blocks sinks.Layout `yaml:"blocks"`

	HTTP httppost.Config `yaml:",inline"`
}

const (
	apiURL       = "https://slack.com/api/"
	threadObject = "object"
)

func defaults() Config {
	return Config{APIURL: apiURL, HTTP: httppost.Config{Timeout: httppost.DefaultTimeout}}
}

const defaultColor = `{{ if eq .Type "Normal" }}` + calmColor + "{{ else }}" + urgentColor + "{{ end }}"

const defaultMessage = "*{{ .Reason }}* {{ .InvolvedObject.Kind }} " +
	"{{ with .InvolvedObject.Namespace }}{{ . }}/{{ end }}{{ .InvolvedObject.Name }}\n{{ .Message }}"

func (c *Config) check() error {
	switch {
	case c.Token.IsZero() && c.WebhookURL.IsZero():
		return errors.New("token: is missing, or webhookURL in its place")
	case !c.Token.IsZero() && !c.WebhookURL.IsZero():
		return errors.New("webhookURL: cannot be set beside token")
	case c.Channel.IsZero() && c.FallbackChannel == "" && !c.byWebhook():
		return errors.New("channel: is missing")
	case c.Thread != "" && c.Thread != threadObject:
		return fmt.Errorf("thread: want %s, got %q", threadObject, c.Thread)
	case c.Thread != "" && c.byWebhook():
		return errors.New("thread: a webhook does not say where its message is: use token")
	case !c.Blocks.IsZero() && c.Blocks.Node.Kind != yaml.SequenceNode:
		return sinks.Position{Line: c.Blocks.Node.Line, Column: c.Blocks.Node.Column}.Errorf("blocks: want a list")
	}
	if c.byWebhook() {
		if _, err := httppost.ParseURL(c.webhook()); err != nil {
			return fmt.Errorf("webhookURL: %w", err)
		}
	}
	if _, err := httppost.ParseURL(c.APIURL); err != nil {
		return fmt.Errorf("apiURL: %w", err)
	}
	c.APIURL = strings.TrimSuffix(c.APIURL, "/") + "/"
	if c.Message.IsZero() && !c.hasCard() {
		c.Message = sinks.Template{Text: defaultMessage}
		if c.Color.IsZero() {
			c.Color = sinks.Template{Text: defaultColor}
		}
	}
	return nil
}

func (c *Config) byWebhook() bool { return !c.WebhookURL.IsZero() }

// webhook is trimmed: a secret out of a file ends in a line break.
func (c *Config) webhook() string { return strings.TrimSpace(c.WebhookURL.Reveal()) }

// hasCard reports whether something stands beside the message.
func (c *Config) hasCard() bool {
	return !c.Title.IsZero() || !c.AuthorName.IsZero() || !c.Footer.IsZero() || len(c.Fields) > 0
}
