package stdout

import "github.com/packetboat/packetboat/sinks"

// Config is what stands below stdout: in a receiver.
type Config struct {
	Payload sinks.Payload `yaml:",inline"`
}

func defaults() Config { return Config{} }
