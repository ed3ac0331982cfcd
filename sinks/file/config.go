package file

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/sinks"
)

// Config is what stands below file: in a receiver.
type Config struct {
	// Path is the file; its folder is made if it does not exist.
	Path string `yaml:"path"`
	// MaxSize is the size in MiB above which the file is put aside and a new
	// one begun; 0 is 100.
	MaxSize int `yaml:"maxsize"`
	// MaxAge is after how many days a file that was put aside is deleted; 0 is never.
	MaxAge int `yaml:"maxage"`
	// MaxBackups is how many files that were put aside are kept; 0 is all.
	MaxBackups int `yaml:"maxbackups"`
	// Compress compresses files that were put aside with gzip.
	Compress bool          `yaml:"compress"`
	Payload  sinks.Payload `yaml:",inline"`
}

func defaults() Config { return Config{} }

func (c Config) check() error {
	if c.Path == "" {
		return errors.New("path: is missing")
	}
	for _, k := range []struct {
		name  string
		value int
	}{{"maxsize", c.MaxSize}, {"maxage", c.MaxAge}, {"maxbackups", c.MaxBackups}} {
		if k.value < 0 {
			return fmt.Errorf("%s: want 0 or more, got %d", k.name, k.value)
		}
	}
	return nil
}

const (
	mebibyte       = 1 << 20
	defaultMaxSize = 100 // MiB, as upstream
)

func (c Config) maxBytes() int64 {
	if c.MaxSize == 0 {
		return defaultMaxSize * mebibyte
	}
	return int64(c.MaxSize) * mebibyte
}

// firstByte is what every line of ours begins with: it tells a torn line of
// ours from other people's text.
func (c Config) firstByte() byte {
	node := c.Payload.Layout.Node
	for node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch {
	case node == nil || node.Kind == yaml.MappingNode:
		return '{'
	case node.Kind == yaml.SequenceNode:
		return '['
	}
	return '"'
}
