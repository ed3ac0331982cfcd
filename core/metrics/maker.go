package metrics

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric is one line of the table of all metrics.
type Metric struct {
	Name   string
	Type   Type
	Unit   Unit
	Labels []string // names, sorted
	Help   string
}

// Type is a type of metric, as Prometheus calls it.
type Type string

// The types that are used.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// Unit is what a value counts.
type Unit string

// The units that are used.
const (
	Events    Unit = "events"
	Bytes     Unit = "bytes"
	Seconds   Unit = "seconds"
	Timestamp Unit = "seconds since 1970"
	Count     Unit = ""
	YesNo     Unit = "1 or 0"
)

// A maker makes metrics, registers them and writes them into the table.
type maker struct {
	registry *prometheus.Registry // nil: made only
	labels   prometheus.Labels    // constant ones, of all that it makes
	table    *[]Metric
	made     []prometheus.Collector
}

func (m *Metrics) maker(labels prometheus.Labels) *maker {
	return &maker{registry: m.Registry, labels: labels, table: &m.table}
}

func (k *maker) counter(name string, unit Unit, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: k.labels})
	k.add(c, Metric{Name: name, Type: Counter, Unit: unit, Help: help})
	return c
}

// counters make one series for each value of a label, so that it is there
// before it first counts: what was never 0 cannot be seen to rise.
func (k *maker) counters(name, help, label string, values ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: k.labels}, []string{label})
	for _, v := range values {
		c.WithLabelValues(v)
	}
	k.add(c, Metric{Name: name, Type: Counter, Unit: Count, Help: help}, label)
	return c
}

func (k *maker) gauge(name string, unit Unit, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: k.labels})
	k.add(g, Metric{Name: name, Type: Gauge, Unit: unit, Help: help})
	return g
}

func (k *maker) histogram(name string, unit Unit, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, ConstLabels: k.labels, Buckets: buckets})
	k.add(h, Metric{Name: name, Type: Histogram, Unit: unit, Help: help})
	return h
}

func (k *maker) buildInfo(name, help string, labels prometheus.Labels) {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
	g.Set(1)
	k.add(g, Metric{Name: name, Type: Gauge, Unit: Count, Help: help}, slices.Collect(maps.Keys(labels))...)
}

// add panics if a name is declared twice, which the first test to make a Metrics sees.
func (k *maker) add(c prometheus.Collector, line Metric, labels ...string) {
	k.made = append(k.made, c)
	if k.registry == nil {
		return
	}
	k.registry.MustRegister(c)
	k.declare(line, labels...)
}

func (k *maker) declare(line Metric, labels ...string) {
	if slices.ContainsFunc(*k.table, func(other Metric) bool { return other.Name == line.Name }) {
		return // of another receiver
	}
	line.Labels = append(slices.Collect(maps.Keys(k.labels)), labels...)
	slices.Sort(line.Labels)
	*k.table = append(*k.table, line)
}
