package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Run is what is counted of runs, the checkpoint and the configuration.
type Run struct {
	Commits        prometheus.Counter
	CommitFailures prometheus.Counter
	LeaseHeld      prometheus.Gauge
	Leader         prometheus.Gauge

	runs        *prometheus.CounterVec
	duration    prometheus.Histogram
	lastSuccess prometheus.Gauge

	reloads      *prometheus.CounterVec
	reloadGood   prometheus.Gauge
	lastReloaded prometheus.Gauge
}

// Result is how a run ended.
type Result string

// The results.
const (
	Done   Result = "done"   // caught up
	Behind Result = "behind" // time was up, the next run goes on
	Busy   Result = "busy"   // another run holds the lease
	Broken Result = "failed" // something is owed because of an error
)

// Ended counts a run that is over.
func (r *Run) Ended(result Result, took time.Duration, now time.Time) {
	r.runs.WithLabelValues(string(result)).Inc()
	r.duration.Observe(took.Seconds())
	if result == Done {
		r.lastSuccess.Set(seconds(now))
	}
}

// Reloaded counts that the configuration was read anew and taken, or refused
// because something is wrong with it. The first reading counts as taken.
func (r *Run) Reloaded(taken bool, now time.Time) {
	if !taken {
		r.reloads.WithLabelValues("refused").Inc()
		r.reloadGood.Set(0)
		return
	}
	r.reloads.WithLabelValues("taken").Inc()
	r.reloadGood.Set(1)
	r.lastReloaded.Set(seconds(now))
}

func newRun(k *maker) *Run {
	r := &Run{
		runs: k.counters("packetboat_runs_total",
			"Runs that are over: done is caught up, behind that time was up, busy that another run was at work, failed that something is owed because of an error.",
			"result", string(Done), string(Behind), string(Busy), string(Broken)),
		duration: k.histogram("packetboat_run_duration_seconds", Seconds, "Time that a run took.",
			[]float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900}),
		lastSuccess: k.gauge("packetboat_run_last_success_timestamp_seconds", Timestamp, "When a run last ended caught up."),

		Commits:        k.counter("packetboat_checkpoint_commits_total", Count, "Commits of the checkpoint, renewals of the lease included."),
		CommitFailures: k.counter("packetboat_checkpoint_commit_failures_total", Count, "Commits of the checkpoint that failed, each attempt."),
		LeaseHeld:      k.gauge("packetboat_lease_held", YesNo, "1 while this process holds the lease in the checkpoint."),
		Leader:         k.gauge("packetboat_leader", YesNo, "1 while this process leads, or is the only one by configuration; 0 in standby."),

		reloads: k.counters("packetboat_config_reloads_total",
			"Readings of the configuration: taken, or refused because something is wrong with it.", "result", "taken", "refused"),
		reloadGood:   k.gauge("packetboat_config_last_reload_successful", YesNo, "0 while the newest configuration is refused and the one before it is still at work."),
		lastReloaded: k.gauge("packetboat_config_last_reload_success_timestamp_seconds", Timestamp, "When a configuration was last taken."),
	}
	r.reloadGood.Set(1)
	return r
}
