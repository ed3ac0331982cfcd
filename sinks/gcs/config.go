package gcs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/archive"
	"github.com/packetboat/packetboat/sinks/gcpclient"
)

// Config is what stands below gcs: in a receiver.
type Config struct {
	// Bucket is where the objects go.
	Bucket string `yaml:"bucket"`
	// StorageClass is by default the bucket's.
	StorageClass string `yaml:"storageClass"`

	Archive archive.Config   `yaml:",inline"`
	GCP     gcpclient.Config `yaml:",inline"`
	Payload sinks.Payload    `yaml:",inline"`
}

func defaults() Config { return Config{Archive: archive.Defaults()} }

func (c Config) check() error {
	known := []string{"", "STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"}
	switch {
	case c.Bucket == "":
		return errors.New("bucket: is missing")
	case strings.Contains(c.Bucket, "/"):
		return fmt.Errorf("bucket: %q has a slash in it: a folder is a prefix", c.Bucket)
	case !slices.Contains(known, c.StorageClass):
		return fmt.Errorf("storageClass: want one of %s, got %q", strings.Join(known[1:], ", "), c.StorageClass)
	}
	return c.GCP.Check()
}
