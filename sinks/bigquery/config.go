package bigquery

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/gcpclient"
)

// Config is what stands below bigquery: in a receiver.
type Config struct {
	// Project, Dataset and Table say where the rows go.
	Project string `yaml:"project"`
	Dataset string `yaml:"dataset"`
	Table   string `yaml:"table"`
	// CreateTable creates the table, and its dataset, if there is none. Rows of
	// a layout have a shape of their own: their table must be there.
	CreateTable bool `yaml:"create_table"`
	// Location is where a dataset is created.
	Location string `yaml:"location"`
	// BatchSize is how many rows one request has at most; 0 is the default, as
	// upstream has it for this and the other three.
	BatchSize int `yaml:"batch_size"`
	// TimeoutSeconds bounds one attempt.
	TimeoutSeconds int `yaml:"timeout_seconds"`
	// MaxRetries and IntervalSeconds are upstream's and have no effect: delivery
	// has the retries and the age of a batch, for all receivers.
	MaxRetries      int `yaml:"max_retries"`
	IntervalSeconds int `yaml:"interval_seconds"`

	GCP     gcpclient.Config `yaml:",inline"`
	Payload sinks.Payload    `yaml:",inline"`
}

func defaults() Config {
	return Config{
		CreateTable: true, Location: defaultLocation,
		BatchSize: defaultBatchSize, TimeoutSeconds: defaultTimeoutSeconds, MaxRetries: 3, IntervalSeconds: 10,
	}
}

const (
	defaultLocation       = "US"
	defaultBatchSize      = 1000
	defaultTimeoutSeconds = 60
)

func (c Config) check() error {
	for _, k := range []struct{ name, value string }{{"project", c.Project}, {"dataset", c.Dataset}, {"table", c.Table}} {
		if k.value == "" {
			return errors.New(k.name + ": is missing")
		}
	}
	for _, k := range []struct {
		name  string
		value int
	}{
		{"batch_size", c.BatchSize},
		{"timeout_seconds", c.TimeoutSeconds},
		{"max_retries", c.MaxRetries},
		{"interval_seconds", c.IntervalSeconds},
	} {
		if k.value < 0 {
			return fmt.Errorf("%s: %d is negative", k.name, k.value)
		}
	}
	return c.GCP.Check()
}

func (c Config) location() string { return cmp.Or(c.Location, defaultLocation) }

func (c Config) rows() int { return min(cmp.Or(c.BatchSize, defaultBatchSize), maxRows) }

func (c Config) timeout() time.Duration {
	return time.Duration(cmp.Or(c.TimeoutSeconds, defaultTimeoutSeconds)) * time.Second
}

func (c Config) createsTable() bool { return c.CreateTable && c.Payload.Layout.IsZero() }
