package pubsub

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/gcpclient"
)

// Config is what stands below pubsub: in a receiver.
type Config struct {
	// Project is the ID of the project that the topic is in.
	Project string `yaml:"gcloud_project_id"`
	// Topic is an ID, or a full name: projects/PROJECT/topics/TOPIC.
	Topic string `yaml:"topic"`
	// CreateTopic creates the topic if there is none.
	CreateTopic bool `yaml:"create_topic"`
	// Attributes are sent beside the payload; their values are rendered for
	// each event. The attribute id is the event's ID unless it is set here.
	Attributes map[string]sinks.Template `yaml:"attributes"`
	// OrderingKey is rendered for each event: subscriptions with ordering get
	// the messages of one key in order.
	OrderingKey sinks.Template `yaml:"orderingKey"`

	GCP     gcpclient.Config `yaml:",inline"`
	Payload sinks.Payload    `yaml:",inline"`
}

func defaults() Config { return Config{} }

var fullName = regexp.MustCompile(`^projects/[^/]+/topics/[^/]+$`)

func (c Config) check() error {
	switch {
	case c.Topic == "":
		return errors.New("topic: is missing")
	case strings.Contains(c.Topic, "/") && !fullName.MatchString(c.Topic):
		return fmt.Errorf("topic: want an ID or projects/PROJECT/topics/TOPIC, got %q", c.Topic)
	case c.Project == "" && !fullName.MatchString(c.Topic):
		return errors.New("gcloud_project_id: is missing")
	case strings.Contains(c.Project, "/"):
		return fmt.Errorf("gcloud_project_id: want a project's ID, got %q", c.Project)
	case len(c.Attributes) >= maxAttributes:
		return fmt.Errorf("attributes: %d are more than %d", len(c.Attributes), maxAttributes-1)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Attributes)) {
		if name == "" || len(name) > maxAttributeKey || strings.HasPrefix(name, "goog") {
			return c.Attributes[name].Position.Errorf(
				"attributes: %q: want a name of at most %d bytes that does not begin with goog", name, maxAttributeKey)
		}
	}
	return c.GCP.Check()
}

// topic is the full name.
func (c Config) topic() string {
	if fullName.MatchString(c.Topic) {
		return c.Topic
	}
	return "projects/" + c.Project + "/topics/" + c.Topic
}
