package pipe

import (
	"errors"

	"github.com/packetboat/packetboat/sinks"
)

// Config is what stands below pipe: in a receiver.
type Config struct {
	// Path is a named pipe (mkfifo), or a file that is made if it does not exist.
	Path    string        `yaml:"path"`
	Payload sinks.Payload `yaml:",inline"`
}

func defaults() Config { return Config{} }

func (c Config) check() error {
	if c.Path == "" {
		return errors.New("path: is missing")
	}
	return nil
}
