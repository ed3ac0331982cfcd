package app

import (
	"context"
	"time"

	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/run"
)

// watchJob opens everything for a watch. see may wrap the router, to look on.
func (a *App) watchJob(ctx context.Context, m *metrics.Metrics, see func(*App, []opened) run.Router) (*run.Job, []opened, error) {
	if err := a.resolve(ctx); err != nil {
		return nil, nil, err
	}
	receivers, err := a.openSinks(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	store, err := a.Store(ctx)
	if err != nil {
		return nil, nil, err
	}
	letters, err := a.deadLetters(ctx)
	if err != nil {
		return nil, nil, err
	}
	job := a.newJob(store, m)
	job.Shards = a.shards(ctx, false)
	job.Router = see(a, receivers)
	job.CommitEvery = a.Config.Watch.CommitInterval
	if e := a.Config.LeaderElection; e.Enabled {
		// Then the lease of a leader that was killed, cut off or paused ends no later
		// than its leadership, and the next one need not wait for it.
		job.LeaseTime = e.RenewDeadline
	}
	if err := a.readCluster(job, receivers, a.marker(store)); err != nil {
		return nil, nil, err
	}
	// It writes no marker: two writers would not know each other's.
	again, err := a.clusterSource(nil, m)
	if err != nil {
		return nil, nil, err
	}
	job.Again = again
	for _, r := range receivers {
		job.Receivers = append(job.Receivers, a.receiver(r, purpose{letters: letters, limits: store.Limits(), watch: true}, m))
	}
	return job, receivers, nil
}

// runMetrics is what a run counts into: nothing, unless it is pushed somewhere.
func (a *App) runMetrics() *metrics.Metrics {
	if a.counted != nil {
		return a.counted
	}
	m := a.Config.Metrics
	if m.Pushgateway == nil && m.OTLP == nil && m.CloudWatch == nil {
		a.counted = metrics.Discard()
	} else {
		a.counted = metrics.New(metrics.Options{Version: a.Version, UpstreamPrefix: a.Config.MetricsNamePrefix})
	}
	return a.counted
}

// pushRun pushes what a run has counted.
func (a *App) pushRun(ctx context.Context, m *metrics.Metrics, job *run.Job, report run.Report, err error, took time.Duration) {
	// What a run that found the lease held would push stands for the one at work.
	if m.Registry == nil || report.LeaseHeldBy != nil {
		return
	}
	result := resultOf(report, err)
	if result == metrics.Done && !report.CaughtUp {
		result = metrics.Behind
	}
	m.Run.Ended(result, took, time.Now())
	gauge(m, job.Status())
	a.pushMetrics(ctx, a.newPusher(m, a.Stdout))
}
