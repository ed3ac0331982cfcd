package kinesis

import (
	"errors"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Config is what stands below kinesis: in a receiver.
type Config struct {
	// StreamName is the data stream.
	StreamName string `yaml:"streamName"`
	// StreamARN names it beyond the account, in place of StreamName.
	StreamARN string `yaml:"streamARN"`
	// PartitionKey is rendered for each event; by default the event's UID.
	PartitionKey sinks.Template `yaml:"partitionKey"`

	AWS     awsclient.Config `yaml:",inline"`
	Payload sinks.Payload    `yaml:",inline"`
}

func defaults() Config { return Config{} }

func (c Config) check() error {
	switch {
	case c.StreamName == "" && c.StreamARN == "":
		return errors.New("streamName: is missing")
	case c.StreamName != "" && c.StreamARN != "":
		return errors.New("streamARN: cannot be set beside streamName")
	case c.StreamARN != "" && awsconfig.RegionOf(c.StreamARN) == "":
		return errors.New("streamARN: want arn:aws:kinesis:REGION:ACCOUNT:stream/NAME")
	}
	return nil
}
