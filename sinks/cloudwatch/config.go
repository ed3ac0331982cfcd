package cloudwatch

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Config is what stands below cloudwatch: in a receiver.
type Config struct {
	// LogGroupName is the log group, which must exist.
	LogGroupName string `yaml:"logGroupName"`
	// LogStreamName is rendered for each event.
	LogStreamName sinks.Template `yaml:"logStreamName"`
	// CreateLogStream makes a stream that does not exist.
	CreateLogStream bool `yaml:"createLogStream"`

	AWS     awsclient.Config `yaml:",inline"`
	Payload sinks.Payload    `yaml:",inline"`
}

func defaults() Config {
	return Config{LogStreamName: sinks.Template{Text: "packetboat"}, CreateLogStream: true}
}

var groupName = regexp.MustCompile(`^[\.\-_/#A-Za-z0-9]+$`)

// maxGroupName is not in the expression: its program would be as long, and made at each start.
const maxGroupName = 512

func (c Config) check() error {
	switch {
	case c.LogGroupName == "":
		return errors.New("logGroupName: is missing")
	case len(c.LogGroupName) > maxGroupName || !groupName.MatchString(c.LogGroupName):
		return fmt.Errorf("logGroupName: %q is not a name such as /kubernetes/events", c.LogGroupName)
	case c.LogStreamName.IsZero():
		return errors.New("logStreamName: is empty")
	case !strings.Contains(c.LogStreamName.Text, "{{") && streamName(c.LogStreamName.Text) != c.LogStreamName.Text:
		return c.LogStreamName.Position.Errorf("logStreamName: want at most %d characters without : and *", maxStreamName)
	}
	return nil
}
