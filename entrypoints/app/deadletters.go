package app

import (
	"context"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/state"
)

// deadLetters opens where events go that a receiver will never accept, nil if
// the log takes them.
func (a *App) deadLetters(ctx context.Context) (state.DeadLetters, error) {
	d := a.Config.DeadLetter
	if d == nil {
		return nil, nil
	}
	letters, err := d.Kind.OpenDeadLetters(ctx, d.Config, a.storeEnv())
	if err != nil {
		return nil, usage("open dead letters: %w", err)
	}
	return letters, nil
}

// Redeliver sends the dead letters of one receiver, or of all, again and removes
// those that were acknowledged. It holds the lease meanwhile.
func (a *App) Redeliver(ctx context.Context, only string) (run.Redelivered, error) {
	if err := a.resolve(ctx); err != nil {
		return run.Redelivered{}, err
	}
	letters, err := a.deadLetters(ctx)
	if err != nil {
		return run.Redelivered{}, err
	}
	if letters == nil {
		return run.Redelivered{}, usage("no dead letter store is configured: add deadLetter: to %s", a.ConfigFile)
	}
	if only != "" {
		if err := a.Config.KnowsReceivers(only); err != nil {
			return run.Redelivered{}, &UsageError{err}
		}
	}
	opened, err := a.openSinks(ctx, metrics.Discard())
	if err != nil {
		return run.Redelivered{}, err
	}
	store, err := a.Store(ctx)
	if err != nil {
		return run.Redelivered{}, err
	}
	again := &run.Redelivery{DeadLetters: letters, Decode: func(raw []byte) (*event.Event, error) {
		return source.DecodeJSON(raw, a.Config.ClusterName)
	}}
	job := &run.Job{}
	for _, r := range opened {
		if only == "" || r.Name == only {
			job.Receivers = append(job.Receivers, a.receiver(r, purpose{letters: again, plain: true}, metrics.Discard()))
		}
	}
	defer a.closeSinks(ctx, job)
	var sum run.Redelivered
	err = run.Hold(ctx, store, holder(), a.Log, func(ctx context.Context, mayWeSend func() error) (err error) {
		sum, err = again.Run(ctx, job.Receivers, mayWeSend)
		return err
	})
	return sum, explainUnreadable(err)
}
