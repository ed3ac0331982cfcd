// Package metrics is all that is counted, in one place.
//
// A Metrics belongs to one process and owns its registry: nothing here is
// global. Who counts is given one of its parts (Receiver, Source, Route, Enrich,
// Run), whose fields are the counters themselves; counting never fails and
// never blocks. Each metric is declared where it is made, with its name, unit
// and help, and nowhere else: Table, and from it the documentation, is what was
// made. Discard is for callers that want nothing counted.
//
// Labels are bounded: a label value is the name of a configured receiver or one
// of the constants of this package, never a text out of an event.
//
// Everything may be called concurrently.
package metrics

import (
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Options configure a Metrics.
type Options struct {
	Version string // of this program
	// UpstreamPrefix is put before the names of kubernetes-event-exporter's
	// metrics; "" leaves them as they are, events_sent for example.
	UpstreamPrefix string
}

// Metrics is everything that one process counts.
type Metrics struct {
	// Registry holds all of it, and what receivers add; nil if made by Discard.
	Registry *prometheus.Registry

	Source *Source
	Route  *Route
	Enrich *Enrich
	Run    *Run

	sendErrors prometheus.Counter // upstream's, of all receivers together
	told       told               // to CloudWatch

	mu        sync.Mutex
	receivers map[string]*Receiver
	table     []Metric
}

// New makes a registry with everything in it but the receivers, which come with
// Receiver.
func New(o Options) *Metrics {
	m := empty()
	m.Registry = prometheus.NewRegistry()
	m.Registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	m.make()
	k := m.maker(nil)
	k.buildInfo("packetboat_build_info", "Always 1; the labels say what is running.", buildLabels(o.Version))
	m.upstream(o)
	return m
}

// Discard is a Metrics that counts and shows nothing.
func Discard() *Metrics {
	m := empty()
	m.make()
	return m
}

func empty() *Metrics {
	return &Metrics{
		receivers:  map[string]*Receiver{},
		sendErrors: prometheus.NewCounter(prometheus.CounterOpts{Name: "send_errors"}), // shown by upstream
	}
}

func (m *Metrics) make() {
	k := m.maker(nil)
	m.Source, m.Route, m.Enrich, m.Run = newSource(k), newRoute(k), newEnrich(k), newRun(k)
}

// Receiver is the part of the receiver with this configured name. The same name
// gives the same part, so that counts go on over a reload of the configuration.
func (m *Metrics) Receiver(name string) *Receiver {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.receivers[name]
	if r == nil {
		r = newReceiver(m.maker(prometheus.Labels{"receiver": name}), m.sendErrors)
		m.receivers[name] = r
	}
	return r
}

// Forget drops the series of a receiver that has left the configuration. Who
// still counts into it is not disturbed.
func (m *Metrics) Forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.receivers[name]
	delete(m.receivers, name)
	if r == nil || m.Registry == nil {
		return
	}
	for _, c := range r.collectors {
		m.Registry.Unregister(c)
	}
}

// Table is every metric of this program, in the order of declaration. Those of
// receivers are in it once one receiver was asked for.
func (m *Metrics) Table() []Metric {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.table)
}

func buildLabels(version string) prometheus.Labels {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return prometheus.Labels{
		"version": version, "revision": revision, "goversion": runtime.Version(), "goos": runtime.GOOS, "goarch": runtime.GOARCH,
	}
}
