package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/packetboat/packetboat/state"
)

const (
	leaseTime = 30 * time.Second // how long a lease is good; renewed after a third of it
	// A lease that ends later than this was written by a clock that is wrong;
	// honouring it could stop the export for years.
	leaseTooLong = 10 * time.Minute
	commitBudget = 20 * time.Second // for one load or commit, retries included
	// leastPause is between two commits of a store that has no limit of its own: a
	// receiver of single records would else cause one commit for each.
	leastPause = 20 * time.Millisecond
)

// HeldError says that another run holds the lease.
type HeldError struct{ Holder string }

func (e *HeldError) Error() string { return "the lease is held by " + e.Holder }

// errLeaseExpired says that this process was stopped or cut off for longer than
// its lease: whatever it holds, somebody else may have sent it.
var errLeaseExpired = errors.New("this run's lease expired before it could be renewed (was the process paused?); it stops, and the next run goes on from the checkpoint")

// acquire takes the lease. The compare-and-swap makes sure that of several runs
// that see it free one gets it.
func (c *committer) acquire(ctx context.Context, ignoreHolder bool) error {
	_, err := withRetry(ctx, c, "take the lease", func() (struct{}, error) {
		current, token, err := c.store.Load(ctx)
		switch {
		case errors.Is(err, state.ErrNotFound):
			current = state.Checkpoint{Version: state.Version}
		case errors.Is(err, state.ErrUnreadable):
			return struct{}{}, backoff.Permanent(err)
		case err != nil:
			return struct{}{}, err
		}
		// Ours already: an earlier attempt was applied and its reply lost.
		if holder := current.Lease.Holder; holder != c.holder && !ignoreHolder && c.live(current.Lease) {
			return struct{}{}, backoff.Permanent(&HeldError{Holder: holder})
		}
		c.current, c.token = current, token
		next := current.Clone()
		next.Revision++
		next.Lease.Holder, next.Lease.Expires = c.holder, c.now().Add(c.leaseTime).UTC()
		token, err = c.store.Commit(ctx, next, token)
		if err != nil {
			return struct{}{}, err
		}
		c.took(next, token)
		return struct{}{}, nil
	})
	return err
}

func (c *committer) live(l state.Lease) bool {
	left := l.Expires.Sub(c.now())
	return l.Holder != "" && left > 0 && left < leaseTooLong
}

// mayWeSend is asked before every attempt to send: a process that was frozen
// wakes up believing that it still holds the lease.
func (c *committer) mayWeSend() error {
	if c.now().UnixNano() >= c.until.Load() {
		return errLeaseExpired
	}
	return nil
}

// withRetry is for load and commit, of which a Store makes one attempt.
func withRetry[T any](ctx context.Context, c *committer, operation string, attempt func() (T, error)) (T, error) {
	policy := backoff.NewExponentialBackOff()
	policy.InitialInterval, policy.MaxInterval, policy.RandomizationFactor = 50*time.Millisecond, 2*time.Second, 1
	var failure error // what it failed with while there was time
	v, err := backoff.Retry(ctx, func() (T, error) {
		v, err := attempt()
		if ctx.Err() == nil {
			failure = err
		}
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) {
			err = backoff.Permanent(err) // asking again grants no right and makes no namespace
		}
		return v, err
	}, backoff.WithBackOff(policy), backoff.WithMaxElapsedTime(commitBudget),
		backoff.WithNotify(func(err error, _ time.Duration) {
			c.log.Warn("checkpoint not reached, trying again", "operation", operation, "error", err)
		}))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		return v, permanent.Err
	}
	if err != nil && failure != nil {
		err = failure
	}
	if err != nil {
		return v, fmt.Errorf("%s: %w", operation, err)
	}
	return v, nil
}
