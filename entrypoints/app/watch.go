package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/entrypoints/app/leader"
	"github.com/packetboat/packetboat/state"
)

// WatchOptions are for a process that follows the cluster.
type WatchOptions struct {
	MetricsAddress   string          // HOST:PORT of metrics, health and the status page, "" for none
	MetricsTLSConfig string          // web configuration of exporter-toolkit, "" for plain HTTP
	StatusPage       bool            // serve it there
	StatusHosts      []string        // names it may be reached by, beside those that cannot be somebody else's
	Grace            time.Duration   // after Stop, to deliver and commit
	Stop             <-chan struct{} // closed when the process shall end, may be nil
	Reload           <-chan struct{} // asks to read the configuration again, may be nil
}

// Watch follows the cluster until Stop is closed: it makes one watch of core/run
// after the other, and what it cannot mend it tries again. It returns nil after
// an orderly end, and an error if the configuration or the first look at the
// cluster says that it can never work, or if something is owed because of an
// error at the end.
func Watch(ctx context.Context, o Options, w WatchOptions) error {
	o, err := o.located()
	if err != nil {
		return err
	}
	a, err := New(ctx, o)
	if err != nil {
		return err
	}
	if err := a.single(); err != nil {
		return err
	}
	if o.Events != "" {
		return usage("watch follows a cluster: --events is for run")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k := newWatcher(o, w, a)
	server, err := k.listen()
	if err != nil {
		return &UsageError{err}
	}
	var background sync.WaitGroup
	if server != nil {
		background.Go(func() {
			if err := server.Serve(ctx); err != nil {
				a.Log.Error("metrics and health are not served any more; events are delivered", "error", err)
			}
		})
	}
	background.Go(func() { k.reloads(ctx) })
	background.Go(func() { k.measure(ctx) })
	err = k.elect(ctx)
	// Health and metrics are there until the last event is delivered.
	cancel()
	background.Wait()
	return errors.Join(err, k.app.Close(ctx))
}

// A watcher is a process that follows. Its present App changes when the
// configuration is read again; everything else stays.
type watcher struct {
	options Options
	WatchOptions
	metrics *metrics.Metrics
	began   time.Time
	memory  state.Store // the checkpoint, where none was named and none may be written

	app    *App // owned, as worked is, by the goroutine of elect
	worked bool // the configuration was good for a while

	mu      sync.Mutex
	view    view
	next    *App          // read again and good; the present watch ends for it
	changed chan struct{} // closed when next comes

	refused chan struct{} // somebody has refused us: a secret may have been rotated
}

func newWatcher(o Options, w WatchOptions, a *App) *watcher {
	k := &watcher{
		options: o, WatchOptions: w, app: a, began: time.Now(), changed: make(chan struct{}), refused: make(chan struct{}, 1),
		metrics: metrics.New(metrics.Options{Version: a.Version, UpstreamPrefix: a.Config.MetricsNamePrefix}),
	}
	k.view = view{app: a, state: "starting"}
	k.metrics.Run.Reloaded(true, k.began)
	return k
}

// elect follows as the only process, or whenever it is the leader.
func (k *watcher) elect(ctx context.Context) error {
	e := k.app.Config.LeaderElection
	if !e.Enabled {
		k.metrics.Run.Leader.Set(1)
		return k.follow(ctx)
	}
	if err := k.app.resolve(ctx, "cluster"); err != nil {
		return err
	}
	config, err := k.app.restConfig()
	if err != nil {
		return err
	}
	k.stands("standby", "waiting for the leadership")
	return leader.Run(ctx, leader.Options{
		Config: config, Namespace: e.Namespace, Name: k.app.leaseName(k.app.shard), LeaseDuration: e.LeaseDuration, RenewDeadline: e.RenewDeadline,
		RetryPeriod: e.RetryPeriod, Stop: k.Stop, OnChange: k.leads, Log: k.app.Log,
	}, k.follow)
}

// leaseName: the replicas of each shard have a leader of their own.
func (a *App) leaseName(shard source.Shard) string {
	if shard.Whole() {
		return a.Config.LeaderElection.ID
	}
	return fmt.Sprintf("%s-shard-%d-of-%d", a.Config.LeaderElection.ID, shard.Index, shard.Of)
}

// leads notes who is the leader.
func (k *watcher) leads(name string, isUs bool) {
	if isUs {
		k.metrics.Run.Leader.Set(1)
		return
	}
	k.metrics.Run.Leader.Set(0)
	k.stands("standby", "the leader is "+cmp.Or(name, "not known"))
}

const (
	// heldPause is between two looks at a lease that another run holds.
	heldPause = time.Second
	mostPause = 30 * time.Second
)

// follow makes one watch after the other until Stop is closed or ctx ends, which
// is the loss of the leadership or a second signal.
func (k *watcher) follow(ctx context.Context) error {
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = mostPause
	for {
		began := time.Now()
		report, err := k.once(ctx)
		// What was good for a while is not wrong by configuration.
		k.worked = k.worked || report.Receivers != nil && err == nil || time.Since(began) > time.Minute
		k.metrics.Run.Ended(resultOf(report, err), time.Since(began), time.Now())
		if k.stopped() || ctx.Err() != nil {
			return err
		}
		if k.reloaded() {
			continue
		}
		pause := heldPause
		switch {
		case err == nil && report.LeaseHeldBy != nil:
			k.stands("standby", "another run is at work, "+*report.LeaseHeldBy)
		case run.IsRewritten(err):
			pause = 0
		case k.unlisted(err):
			pause = 0
		case ExitCode(err) == ExitUsage || !k.worked && hopeless(err):
			return err
		default:
			if time.Since(began) > time.Minute {
				wait.Reset()
			}
			pause = wait.NextBackOff()
			k.doubt() // a checkpoint's secret may be the cause
			k.stands("failing", fmt.Sprint(err))
			k.app.Log.Error("the watch ended, beginning again; what is owed is kept", "error", err, "in", pause.Round(time.Millisecond))
		}
		k.pause(ctx, pause)
	}
}

// errStandby answers the status page of a process that has opened nothing.
var errStandby = errors.New("this process is in standby: ask the one that leads")

// hopeless errors are not mended by another try: who starts the process is told.
func hopeless(err error) bool {
	return apierrors.IsUnauthorized(err) || apierrors.IsForbidden(err)
}

// resultOf is how a watch ended, for the metrics.
func resultOf(report run.Report, err error) metrics.Result {
	switch {
	case err != nil:
		return metrics.Broken
	case report.LeaseHeldBy != nil:
		return metrics.Busy
	}
	return metrics.Done
}

// once makes one watch, which ends at Stop, at a new configuration, or when ctx
// ends: then at once, because somebody else may have the lease.
func (k *watcher) once(ctx context.Context) (run.Report, error) {
	k.nameCheckpoint()
	job, receivers, err := k.app.watchJob(ctx, k.metrics, k.seeing)
	if err != nil {
		return run.Report{}, err
	}
	defer k.app.closeSinks(ctx, job)
	k.app.LogWarnings()
	k.shows(job, receivers)
	defer k.shows(nil, nil)
	stop, release := k.either(ctx)
	defer release()
	phases, over := run.NewPhases(ctx, time.Time{}, stop, k.Grace)
	defer over()
	report, err := job.Watch(phases)
	k.app.Log.Info("the watch is over", "eventsRead", report.EventsRead, "requests", report.Requests, "error", report.Error)
	return report, explainUnreadable(err)
}

// either is closed at Stop or at a new configuration.
func (k *watcher) either(ctx context.Context) (stop <-chan struct{}, release func()) {
	ctx, release = context.WithCancel(ctx)
	either := make(chan struct{})
	changed := k.waiting()
	go func() {
		defer release()
		select {
		case <-k.Stop:
		case <-changed:
		case <-ctx.Done():
			return
		}
		close(either)
	}()
	return either, release
}

func (k *watcher) stopped() bool {
	select {
	case <-k.Stop:
		return true
	default:
		return false
	}
}

func (k *watcher) pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-k.Stop:
	case <-k.waiting():
	}
}
