package metrics

import "github.com/prometheus/client_golang/prometheus"

// Receiver is what is counted of one configured receiver.
type Receiver struct {
	Delivered    prometheus.Counter
	Refused      prometheus.Counter
	DeadLettered prometheus.Counter
	Lost         prometheus.Counter
	Grouped      prometheus.Counter
	Suppressed   prometheus.Counter
	Forgotten    prometheus.Counter
	Owed         prometheus.Gauge

	Batches  prometheus.Counter
	Bytes    prometheus.Counter
	Attempts prometheus.Counter
	Duration prometheus.Histogram // of an attempt, in seconds

	LagSeconds prometheus.Gauge
	LagEvents  prometheus.Gauge
	Up         prometheus.Gauge

	failed     *prometheus.CounterVec
	sendErrors prometheus.Counter
	collectors []prometheus.Collector
}

// Outcome is how an attempt that was not accepted ended.
type Outcome string

// The outcomes.
const (
	Transient   Outcome = "transient"   // not now
	Permanent   Outcome = "permanent"   // a record of it can never be accepted
	Stopped     Outcome = "stop"        // the receiver is wrong
	Interrupted Outcome = "interrupted" // the run ended meanwhile
)

// Failed counts an attempt that was not accepted.
func (r *Receiver) Failed(o Outcome) {
	r.failed.WithLabelValues(string(o)).Inc()
	if o != Interrupted {
		r.sendErrors.Inc()
	}
}

func newReceiver(k *maker, sendErrors prometheus.Counter) *Receiver {
	r := &Receiver{
		Delivered:    k.counter("packetboat_receiver_events_delivered_total", Events, "Events that the receiver has acknowledged."),
		Refused:      k.counter("packetboat_receiver_events_refused_total", Events, "Events that the receiver can never accept; each is a dead letter or lost."),
		DeadLettered: k.counter("packetboat_receiver_events_dead_lettered_total", Events, "Refused events that were stored as dead letters."),
		Lost:         k.counter("packetboat_receiver_events_lost_total", Events, "Refused events that were only logged, because no dead letter store is configured."),
		Grouped:      k.counter("packetboat_receiver_events_grouped_total", Events, "Events that went into digests instead of messages of their own."),
		Suppressed:   k.counter("packetboat_receiver_events_suppressed_total", Events, "Events that were held back because the configuration says that their group was told a moment ago."),
		Forgotten:    k.counter("packetboat_receiver_memory_forgotten_total", Count, "Entries that had to leave the receiver's bounded memory: counts may be too low, or a message comes too early."),
		Owed:         k.gauge("packetboat_receiver_owed_events", Events, "Events that were read for the receiver and are not settled yet."),
		Batches:      k.counter("packetboat_receiver_batches_total", Count, "Batches of which the receiver has acknowledged at least one event."),
		Bytes:        k.counter("packetboat_receiver_sent_bytes_total", Bytes, "Bytes of the payloads that the receiver has acknowledged, before compression."),
		Attempts:     k.counter("packetboat_receiver_attempts_total", Count, "Attempts to send a batch."),
		failed: k.counters("packetboat_receiver_failed_attempts_total",
			"Attempts that were not accepted as a whole: transient is tried again, permanent is a fault of a record, stop one of the receiver's configuration, interrupted is the end of the run.",
			"outcome", string(Transient), string(Permanent), string(Stopped), string(Interrupted)),
		Duration: k.histogram("packetboat_receiver_send_duration_seconds", Seconds, "Time that an attempt to send a batch took.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}),
		LagSeconds: k.gauge("packetboat_receiver_lag_seconds", Seconds, "How far the receiver's cursor is behind the cluster, in time; 0 when it has caught up."),
		LagEvents:  k.gauge("packetboat_receiver_lag_events", Events, "How many events of the cluster stand after the receiver's cursor, as far as is known."),
		Up:         k.gauge("packetboat_receiver_up", YesNo, "0 after the receiver was given up for this run (wrong token, address or name, or out of its retry budget), until it acknowledges again."),
		sendErrors: sendErrors,
	}
	r.Up.Set(1)
	r.collectors = k.made
	return r
}
