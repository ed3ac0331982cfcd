package eventbridge

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Config is what stands below eventbridge: in a receiver.
type Config struct {
	// EventBusName is the bus, by name or ARN; by default the account's own.
	EventBusName string `yaml:"eventBusName"`
	// Source and DetailType are what rules match first, rendered for each event.
	Source     sinks.Template `yaml:"source"`
	DetailType sinks.Template `yaml:"detailType"`
	// Details is the layout of the detail; by default the event's JSON.
	Details sinks.Layout `yaml:"details"`
	// DeDot replaces "." in the keys of labels and annotations.
	DeDot bool `yaml:"deDot"`

	AWS awsclient.Config `yaml:",inline"`
}

func defaults() Config {
	return Config{
		Source:     sinks.Template{Text: "kubernetes"},
		DetailType: sinks.Template{Text: "Kubernetes Event"},
	}
}

func (c Config) check() error {
	switch {
	case c.Source.IsZero():
		return errors.New("source: is empty")
	case strings.HasPrefix(c.Source.Text, "aws."):
		return c.Source.Position.Errorf("source: aws. is for AWS's own events")
	case c.DetailType.IsZero():
		return errors.New("detailType: is empty")
	}
	if node := c.Details.Node; node != nil && (node.Kind == yaml.ScalarNode || node.Kind == yaml.SequenceNode) {
		return sinks.Position{Line: node.Line, Column: node.Column}.Errorf("details: EventBridge wants a mapping")
	}
	return nil
}
