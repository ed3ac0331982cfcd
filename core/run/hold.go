package run

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/packetboat/packetboat/state"
)

// Hold takes the lease, keeps it while work runs, and gives it back: no run is
// at work meanwhile. work's context ends when the lease is lost; mayWeSend is
// for Deliver. It returns a *HeldError if a run is at work.
func Hold(ctx context.Context, store state.Store, holder string, log *slog.Logger,
	work func(ctx context.Context, mayWeSend func() error) error,
) error {
	return leased(ctx, store, holder, log, func(c *committer) error { return c.holdFor(ctx, work) })
}

// leased takes the lease for work, which gives it back.
func leased(ctx context.Context, store state.Store, holder string, log *slog.Logger, work func(*committer) error) (err error) {
	job := &Job{Store: store, Holder: holder, Log: log, Now: time.Now}
	unlock, locked, err := job.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	c := newCommitter(job, nil)
	if err := c.acquire(ctx, locked); err != nil {
		return err
	}
	return work(c)
}

func (c *committer) holdFor(ctx context.Context, work func(ctx context.Context, mayWeSend func() error) error) error {
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	var renewing sync.WaitGroup
	var lost error
	renewing.Go(func() {
		if lost = c.loop(context.WithoutCancel(ctx), stop); lost != nil {
			cancel(lost)
		}
	})
	err := work(working, c.mayWeSend)
	close(stop)
	renewing.Wait()
	if lost != nil {
		return lost
	}
	giveBack, done := context.WithTimeout(context.WithoutCancel(ctx), commitBudget)
	defer done()
	return errors.Join(err, c.finish(giveBack))
}
