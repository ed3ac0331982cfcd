package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// upstream registers kubernetes-event-exporter's metrics under their own names,
// so that its dashboards and alerts go on. They show what ours count.
func (m *Metrics) upstream(o Options) {
	k := m.maker(nil)
	add := func(name, help string, c prometheus.Collector, t Type, labels ...string) {
		// With the prefix packetboat_ or go_ one of the names is taken already, by a
		// metric that says the same.
		if m.Registry.Register(c) == nil {
			k.declare(Metric{Name: name, Type: t, Help: help}, labels...)
		}
	}
	counter := func(name, help string, of prometheus.Metric) {
		name = o.UpstreamPrefix + name
		add(name, help, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return value(of) }), Counter)
	}
	counter("events_sent", "As upstream: event versions read, whether or not a receiver wanted them.", m.Source.EventsRead)
	counter("events_discarded", "As upstream: events that were too old.", m.Route.TooOld)
	counter("watch_errors", "As upstream: watches that ended without being asked to.", m.Source.Reconnects)
	counter("send_event_errors", "As upstream: failed attempts to send, of all receivers.", m.sendErrors)
	counter("kube_api_read_cache_hits", "As upstream: involved objects whose metadata was in the cache.", m.Enrich.Hits)
	counter("kube_api_read_cache_misses", "As upstream: involved objects whose metadata was not in the cache.", m.Enrich.Misses)

	const help = "As upstream: always 1; the labels say what is running."
	name, labels := o.UpstreamPrefix+"build_info", buildLabels(o.Version)
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels})
	info.Set(1)
	add(name, help, info, Gauge, "version", "revision", "goversion", "goos", "goarch")
}

func value(of prometheus.Metric) float64 {
	var m dto.Metric
	if of.Write(&m) != nil {
		return 0 // a counter's Write never fails
	}
	return m.GetCounter().GetValue()
}
