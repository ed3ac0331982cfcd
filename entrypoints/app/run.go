package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
	stateall "github.com/packetboat/packetboat/state/all"
)

// RunOptions are for one run.
type RunOptions struct {
	DryRun    bool
	Clusters  []string        // names of some of the App's clusters; none is all
	Receivers []string        // only these; none: all. The cursors of the others stay
	Deadline  time.Duration   // the run ends by then, 0 for no deadline
	Grace     time.Duration   // after Stop, to deliver and commit
	Stop      <-chan struct{} // closed when the run shall end soon, may be nil
	Progress  func(run.Progress, int64)
}

// closeTime is how long receivers may take to close.
const closeTime = 5 * time.Second

// progressTime is how often a run's progress is told.
const progressTime = time.Second

// Run makes one run, of several clusters if the configuration has them.
func (a *App) Run(ctx context.Context, o RunOptions) (run.Report, error) {
	if len(a.clusters) > 0 && a.Events == "" {
		return a.runClusters(ctx, o)
	}
	var deadline time.Time
	if o.Deadline > 0 {
		deadline = time.Now().Add(o.Deadline)
	}
	// The next run of this App opens its receivers, and finds their warnings, anew.
	defer func(warnings []config.Problem) { a.Warnings = warnings }(a.Warnings)
	requests, bytes := a.meter.Requests(), a.meter.Bytes()
	counted := a.runMetrics()
	if err := a.resolve(ctx); err != nil {
		return run.Report{}, err
	}
	job, err := a.job(ctx, o, counted)
	if err != nil {
		return run.Report{}, err
	}
	defer a.closeSinks(ctx, job)
	a.LogWarnings()
	phases, over := run.NewPhases(ctx, deadline, o.Stop, o.Grace)
	defer over()
	if o.Progress != nil {
		stop := a.follow(job, o.Progress)
		defer stop()
	}
	began := time.Now()
	report, err := job.Once(phases)
	a.pushRun(ctx, counted, job, report, err, time.Since(began))
	// The client, and with it the meter, may be older than this run.
	report.Requests -= min(requests, report.Requests)
	report.BytesRead -= min(bytes, report.BytesRead)
	return report, explainUnreadable(err)
}

// follow tells a run's progress until the returned function is called.
func (a *App) follow(job *run.Job, tell func(run.Progress, int64)) (stop func()) {
	done, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		tick := time.NewTicker(progressTime)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				tell(job.Progress(), job.Retained())
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-told
	}
}

// closeSinks takes at most closeTime, and ends before the caller's own deadline;
// that the caller gave up is no reason not to close.
func (a *App) closeSinks(ctx context.Context, job *run.Job) {
	end := time.Now().Add(closeTime)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	defer cancel()
	for _, r := range job.Receivers {
		if err := r.Deliver.Sink.Close(ctx); err != nil {
			a.Log.Warn("closing a receiver failed; what it acknowledged is delivered", "receiver", r.Name, "error", err)
		}
	}
}

func (a *App) job(ctx context.Context, o RunOptions, m *metrics.Metrics) (*run.Job, error) {
	if err := a.Config.KnowsReceivers(o.Receivers...); err != nil {
		return nil, &UsageError{err}
	}
	receivers, err := a.openSinks(ctx, m)
	if err != nil {
		return nil, err
	}
	store, err := a.runStore(ctx)
	if err != nil {
		return nil, err
	}
	letters, err := a.deadLetters(ctx)
	if err != nil {
		return nil, err
	}
	job := a.newJob(store, m)
	job.DryRun, job.Shards = o.DryRun, a.shards(ctx, o.DryRun)
	if a.Events != "" {
		if err := a.checkEvents(); err != nil {
			return nil, err
		}
		job.Source, job.ReadMode = source.NewFile(a.openEvents, a.Config.ClusterName, a.Checkpoint != ""), "file"
	} else {
		marker := a.marker(store)
		if o.DryRun {
			marker = nil
		}
		if err := a.readCluster(job, receivers, marker); err != nil {
			return nil, err
		}
	}
	if o.DryRun {
		job.Store, letters = dryStore{store}, dryLetters{}
	}
	for _, r := range receivers {
		receiver := a.receiver(r, purpose{letters: letters, limits: store.Limits(), dryRun: o.DryRun}, m)
		// Those that sit this run out are opened too: what is wrong with one of them
		// is told in every run, and what is looked up of objects does not change.
		receiver.Idle = len(o.Receivers) > 0 && !slices.Contains(o.Receivers, r.Name)
		job.Receivers = append(job.Receivers, receiver)
	}
	return job, nil
}

// shards says which part of the cluster is delivered. A run without one looks
// too: the cluster may have been in parts before.
func (a *App) shards(ctx context.Context, dryRun bool) run.Shards {
	if a.Events != "" {
		return run.Shards{}
	}
	return run.Shards{Shard: a.shard, Open: func(shard source.Shard) (state.Store, error) {
		store, err := a.shardStore(ctx, shard)
		if err == nil && dryRun {
			store = dryStore{store}
		}
		return store, err
	}}
}

// newJob is what every job needs, whatever it reads and however long.
func (a *App) newJob(store state.Store, m *metrics.Metrics) *run.Job {
	return &run.Job{
		Router: a.Config.Tree, Store: store, Holder: holder(), EventTTL: a.Config.Source.EventTTL,
		ResetSince: a.Config.Source.ResetSince, ReportNotices: a.Config.Source.ReportGaps,
		Metrics: m, Log: a.Log, Now: time.Now,
	}
}

// readCluster makes a job read the cluster, and what is to be known of its objects.
func (a *App) readCluster(job *run.Job, receivers []opened, marker *source.Marker) error {
	job.Meter, job.ReadMode = &a.meter, source.Windows
	events, err := a.clusterSource(marker, job.Metrics)
	if err != nil {
		return err
	}
	job.Source = events
	enricher, err := a.enricher(receivers, job.Metrics)
	if err != nil {
		return err
	}
	if enricher != nil {
		job.Enricher = enricher
	}
	return nil
}

// A purpose says what a receiver is opened for.
type purpose struct {
	letters state.DeadLetters
	limits  state.Limits // of the checkpoint
	dryRun  bool
	watch   bool // its input goes on for ever
	plain   bool // events as they are, whatever the configuration says of digests
}

func (a *App) receiver(r opened, p purpose, m *metrics.Metrics) run.Receiver {
	sink, d := r.sink, r.Delivery
	if p.dryRun {
		sink = drySink{sink}
	}
	start := r.Start
	for _, otherwise := range []sinks.Start{a.Config.Source.Start, r.Kind.Start} {
		if start == "" {
			start = otherwise
		}
	}
	age := a.Config.FirstRunAge()
	if a.Events != "" {
		age = 0 // who names a file wants what is in it, old as it may be
	}
	options := deliver.Options{
		Name: r.Name, Sink: sink, DeadLetters: p.letters,
		Metrics: m.Receiver(r.Name), Log: a.Log.With("receiver", r.Name),
		Batch:       deliver.Batch{Records: d.Batch.Size, Bytes: int(d.Batch.Bytes), Age: d.Batch.Age},
		Concurrency: d.Concurrency, Timeout: d.Timeout,
		Retry: deliver.Retry{Budget: d.Retry.Budget, Initial: d.Retry.Initial, Max: d.Retry.Max},
	}
	if !p.plain {
		a.digest(r, p, &options)
	}
	return run.Receiver{
		Name: r.Name, RenamedFrom: r.RenamedFrom, Start: start, StartAge: age,
		MaxAge: r.MaxAge, OmitUpdates: !r.ReportUpdates,
		Deliver: deliver.New(options),
	}
}

// runStore is the store that a run needs: an input that is not a cluster needs
// none, unless the caller names one.
func (a *App) runStore(ctx context.Context) (state.Store, error) {
	if a.Events != "" && !a.shard.Whole() {
		return nil, usage("--shard is a part of a cluster: --events has none")
	}
	if a.Events != "" && a.Checkpoint == "" {
		return stateall.Memory(), nil
	}
	if a.Events == "-" {
		return nil, usage("--checkpoint with --events - is not possible: the input must be read by version, more than once; write it to a file")
	}
	return a.Store(ctx)
}

// holder names this run: where it runs, for people, and a random part, because
// two runs on one host must never take each other's lease for their own.
func holder() string {
	name := os.Getenv("POD_NAME")
	if name == "" {
		name, _ = os.Hostname()
	}
	unique := make([]byte, 6)
	_, _ = rand.Read(unique) // never fails, as its documentation says
	return name + "/" + strconv.Itoa(os.Getpid()) + "/" + hex.EncodeToString(unique)
}

func explainUnreadable(err error) error {
	if errors.Is(err, state.ErrUnreadable) {
		return fmt.Errorf("%w; nothing was written. Look at it with the tools of its storage; if it is of no use, remove it, and every receiver begins at its start", err)
	}
	return err
}
