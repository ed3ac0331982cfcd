package firehose

import (
	"errors"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Config is what stands below firehose: in a receiver.
type Config struct {
	// DeliveryStreamName is the stream, one that takes direct puts.
	DeliveryStreamName string `yaml:"deliveryStreamName"`
	// Newline ends each record with a line break: Firehose joins records as they are.
	Newline bool `yaml:"newline"`

	AWS     awsclient.Config `yaml:",inline"`
	Payload sinks.Payload    `yaml:",inline"`
}

func defaults() Config { return Config{Newline: true} }

func (c Config) check() error {
	if c.DeliveryStreamName == "" {
		return errors.New("deliveryStreamName: is missing")
	}
	return nil
}
