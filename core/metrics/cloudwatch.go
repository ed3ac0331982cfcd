package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// CloudWatch writes the metrics as CloudWatch's embedded metric format: a line
// of JSON in the log of a Lambda becomes metrics, without a request. The format:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
//
// A line has one value for each dimension, so that there is one line for each
// set of labels. CloudWatch adds up what it is sent: a counter is written as what
// it has counted since the line before, also in a process that makes many runs.
// Every metric costs money there, so that only this program's own counters and
// gauges are written, and no counter that never counted.
type CloudWatch struct {
	Metrics   *Metrics
	Namespace string
	Cluster   string // a dimension of every metric, "" for none
}

// told are the counters as they were last written. They are the Metrics', not
// the writer's: a configuration that is read again makes another writer.
type told struct {
	mu   sync.Mutex
	last map[string]float64
}

// What CloudWatch takes in one line.
const (
	maxLineMetrics    = 100
	maxDimensionBytes = 1024
)

type line struct {
	labels map[string]string
	values map[string]float64
	units  map[string]string
}

// Write writes the lines of now with one call of w.Write.
func (c *CloudWatch) Write(w io.Writer, now time.Time) error {
	families, err := c.Metrics.Registry.Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	t := &c.Metrics.told
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []byte
	counted := map[string]float64{}
	for _, l := range c.lines(families, counted) {
		text, err := json.Marshal(c.document(l, now))
		if err != nil {
			return fmt.Errorf("encode metrics: %w", err)
		}
		out = append(append(out, text...), '\n')
	}
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	t.last = counted
	return nil
}

func (c *CloudWatch) lines(families []*dto.MetricFamily, counted map[string]float64) []line {
	declared := map[string]Metric{}
	for _, m := range c.Metrics.Table() {
		declared[m.Name] = m
	}
	open := map[string]line{}
	var order []string
	for _, f := range families {
		m := declared[f.GetName()]
		if !strings.HasPrefix(m.Name, "packetboat_") || m.Type == Histogram || m.Unit == Timestamp || strings.HasSuffix(m.Name, "_info") {
			continue
		}
		for _, one := range f.GetMetric() {
			labels := dimensions(one)
			at := fmt.Sprintf("%q", labels) // without the cluster, whose name may change
			v := one.GetGauge().GetValue()
			if m.Type == Counter {
				total := one.GetCounter().GetValue()
				if total == 0 {
					continue
				}
				counted[m.Name+at] = total
				v = total - c.Metrics.told.last[m.Name+at]
			}
			if _, found := open[at]; !found {
				order = append(order, at)
				if c.Cluster != "" {
					labels["cluster"] = dimension(c.Cluster)
				}
				open[at] = line{labels, map[string]float64{}, map[string]string{}}
			}
			open[at].values[m.Name], open[at].units[m.Name] = v, cloudWatchUnit(m.Unit)
		}
	}
	var all []line
	for _, at := range order {
		all = append(all, open[at].split()...)
	}
	return all
}

// split cuts a line into such as CloudWatch takes.
func (l line) split() []line {
	var parts []line
	for names := range slices.Chunk(slices.Sorted(maps.Keys(l.values)), maxLineMetrics) {
		part := line{l.labels, map[string]float64{}, l.units}
		for _, name := range names {
			part.values[name] = l.values[name]
		}
		parts = append(parts, part)
	}
	return parts
}

func dimensions(m *dto.Metric) map[string]string {
	labels := map[string]string{}
	for _, l := range m.GetLabel() {
		labels[l.GetName()] = dimension(l.GetValue())
	}
	return labels
}

// dimension is a value as CloudWatch takes it: ASCII, not blank, not too long.
func dimension(v string) string {
	v = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, v)
	if strings.TrimSpace(v) == "" {
		v += "_"
	}
	return v[:min(len(v), maxDimensionBytes)]
}

func cloudWatchUnit(u Unit) string {
	switch u {
	case Seconds:
		return "Seconds"
	case Bytes:
		return "Bytes"
	case YesNo:
		return "None"
	}
	return "Count"
}

type (
	metadata struct {
		Timestamp         int64
		CloudWatchMetrics []directive
	}
	directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	definition struct{ Name, Unit string }
)

func (c *CloudWatch) document(l line, now time.Time) map[string]any {
	d := directive{Namespace: c.Namespace, Dimensions: [][]string{slices.Sorted(maps.Keys(l.labels))}}
	if len(l.labels) == 0 {
		d.Dimensions = [][]string{{}}
	}
	doc := map[string]any{}
	for name, v := range l.labels {
		doc[name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(l.values)) {
		d.Metrics = append(d.Metrics, definition{name, l.units[name]})
		doc[name] = l.values[name]
	}
	doc["_aws"] = metadata{now.UnixMilli(), []directive{d}}
	return doc
}
