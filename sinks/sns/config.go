package sns

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Config is what stands below sns: in a receiver.
type Config struct {
	// TopicARN is the topic; its region is the default of Region.
	TopicARN string `yaml:"topicARN"`
	// Subject is rendered for each event; e-mail shows it.
	Subject sinks.Template `yaml:"subject"`
	// Attributes are rendered for each event; subscriptions filter by them.
	Attributes map[string]sinks.Template `yaml:"attributes"`
	// MessageGroupID is rendered for each event; for a FIFO topic by default the
	// UID of the involved object.
	MessageGroupID sinks.Template `yaml:"messageGroupID"`

	AWS     awsclient.Config `yaml:",inline"`
	Payload sinks.Payload    `yaml:",inline"`
}

func defaults() Config { return Config{} }

// idAttribute is the attribute that we set ourselves.
const idAttribute = "id"

// maxAttributes: a queue with raw delivery throws away messages with more than
// ten, and one of them is ours.
const maxAttributes = 9

var attributeName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

func (c Config) check() error {
	switch {
	case c.TopicARN == "":
		return errors.New("topicARN: is missing")
	case awsconfig.RegionOf(c.TopicARN) == "":
		return errors.New("topicARN: want arn:aws:sns:REGION:ACCOUNT:NAME")
	case len(c.Attributes) > maxAttributes:
		return fmt.Errorf("attributes: %d are more than %d", len(c.Attributes), maxAttributes)
	}
	for name, value := range c.Attributes {
		lower := strings.ToLower(name)
		switch {
		case name == idAttribute:
			return value.Position.Errorf("attributes: %s is the event's ID already", name)
		case len(name) > 256 || !attributeName.MatchString(name) || strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
			return value.Position.Errorf("attributes: %q is not a name that SNS takes", name)
		}
	}
	return nil
}

func (c Config) isFIFO() bool { return strings.HasSuffix(c.TopicARN, ".fifo") }
