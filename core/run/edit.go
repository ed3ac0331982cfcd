package run

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/packetboat/packetboat/state"
)

// Edit changes a checkpoint by hand, under the lease: no run is at work
// meanwhile. It returns a *HeldError if one is. If change returns an error,
// nothing but the lease is written.
func Edit(ctx context.Context, store state.Store, holder string, log *slog.Logger, change func(*state.Checkpoint) error) error {
	return leased(ctx, store, holder, log, func(c *committer) error {
		next := c.current.Clone()
		if err := change(&next); err != nil {
			return errors.Join(err, c.finish(ctx))
		}
		return c.replace(ctx, next, true)
	})
}

// replace commits a checkpoint that was changed beside the receivers' cursors.
func (c *committer) replace(ctx context.Context, next state.Checkpoint, release bool) error {
	_, err := withRetry(ctx, c, "commit checkpoint", func() (struct{}, error) {
		if err := c.mayWeSend(); err != nil {
			return struct{}{}, backoff.Permanent(err)
		}
		next.Revision = c.current.Revision + 1
		next.Lease.Holder, next.Lease.Expires = c.holder, c.now().Add(c.leaseTime).UTC()
		if release {
			next.Lease.Holder, next.Lease.Expires = "", time.Time{}
		}
		return struct{}{}, c.swap(ctx, next)
	})
	return err
}
