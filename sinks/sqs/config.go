package sqs

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below sqs: in a receiver.
type Config struct {
	// QueueName is looked up at the first Send; its URL is asked for then.
	QueueName string `yaml:"queueName"`
	// AccountID is the owner of QueueName if it is another account.
	AccountID string `yaml:"accountID"`
	// QueueURL names the queue in place of QueueName, without a look-up.
	QueueURL string `yaml:"queueURL"`
	// MessageGroupID is rendered for each event; for a FIFO queue by default the
	// UID of the involved object.
	MessageGroupID sinks.Template `yaml:"messageGroupID"`

	AWS     awsclient.Config `yaml:",inline"`
	Payload sinks.Payload    `yaml:",inline"`
}

func defaults() Config { return Config{} }

func (c Config) check() error {
	switch {
	case c.QueueName == "" && c.QueueURL == "":
		return errors.New("queueName: is missing")
	case c.QueueName != "" && c.QueueURL != "":
		return errors.New("queueURL: cannot be set beside queueName")
	case c.AccountID != "" && c.QueueName == "":
		return errors.New("accountID: is of use beside queueName only")
	}
	if c.QueueURL != "" {
		if _, err := httppost.ParseURL(c.QueueURL); err != nil {
			return fmt.Errorf("queueURL: %w", err)
		}
	}
	return nil
}

// isFIFO: the suffix is part of the name, by SQS's rule.
func (c Config) isFIFO() bool {
	return strings.HasSuffix(c.QueueName, ".fifo") || strings.HasSuffix(c.QueueURL, ".fifo")
}

// access is the way to the queue: its URL names the host, and on AWS the region.
func (c Config) access() awsclient.Config {
	access := c.AWS
	queue, err := url.Parse(c.QueueURL)
	if c.QueueURL == "" || err != nil {
		return access
	}
	if access.Endpoint == "" {
		access.Endpoint = queue.Scheme + "://" + queue.Host
	}
	if part := strings.Split(queue.Hostname(), "."); access.Region == "" && len(part) >= 4 && part[0] == "sqs" {
		access.Region = part[1]
	}
	return access
}
