package prometheus

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Config is what stands below prometheus: in a receiver.
type Config struct {
	// Metric is the name of the counter; it ends in _total.
	Metric string `yaml:"metric"`
	// Labels are the properties that events are counted by.
	Labels []string `yaml:"labels"`
	// MaxSeries bounds how many combinations of them are counted apart.
	MaxSeries int `yaml:"maxSeries"`
}

func defaults() Config {
	return Config{
		Metric: "packetboat_events_total", MaxSeries: 10_000,
		Labels: []string{"reason", "type", "kind", "namespace"},
	}
}

var metricName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*_total$`)

func (c Config) check() error {
	var problems []error
	if !metricName.MatchString(c.Metric) {
		problems = append(problems, fmt.Errorf("metric: want a name of letters, digits and _ that ends in _total, got %q", c.Metric))
	}
	for i, l := range c.Labels {
		if labelValues[l] == nil {
			problems = append(problems, fmt.Errorf("labels: %q is none of %s", l, strings.Join(known(), ", ")))
		}
		if slices.Contains(c.Labels[:i], l) {
			problems = append(problems, fmt.Errorf("labels: %q is there twice", l))
		}
	}
	if c.MaxSeries < 1 {
		problems = append(problems, errors.New("maxSeries: must be 1 or more"))
	}
	return errors.Join(problems...)
}
