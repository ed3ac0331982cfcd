package run

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/state"
)

// A committer owns the checkpoint during a run: nobody else writes it. Receivers
// hand it cursors after acknowledgement only, so that neither a commit nor a
// renewal of the lease can record what was not yet sent.
type committer struct {
	store    state.Store
	holder   string
	cluster  string
	known    []string // receivers with a cursor when the run began
	departed []string // receivers whose cursors the next commit forgets

	leaseTime time.Duration
	pause     time.Duration // between two commits
	metrics   *metrics.Run
	now       func() time.Time
	log       *slog.Logger

	// Owned by one goroutine at a time: the run's before and after loop, else loop's.
	current state.Checkpoint
	token   state.Token

	until atomic.Int64 // end of our lease, Unix nanoseconds

	mu      sync.Mutex
	pending map[string]state.Cursor // handed over and not yet committed
	marker  string                  // the newest that was seen
	wake    chan struct{}
	onMoved func(receiver string, c state.Cursor)
}

func newCommitter(j *Job, onMoved func(string, state.Cursor)) *committer {
	counted := j.Metrics
	if counted == nil {
		counted = metrics.Discard()
	}
	return &committer{
		metrics: counted.Run, store: j.Store, holder: j.Holder, now: j.Now, log: j.Log, leaseTime: cmp.Or(j.LeaseTime, leaseTime),
		pause:   max(j.Store.Limits().Interval, leastPause, j.CommitEvery),
		pending: map[string]state.Cursor{}, wake: make(chan struct{}, 1), onMoved: onMoved,
	}
}

// settled takes a receiver's cursor; it never blocks. Only the newest counts.
func (c *committer) settled(receiver string, cursor state.Cursor) {
	c.mu.Lock()
	c.pending[receiver] = cursor
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// saw takes the newest marker. The next commit or renewal of the lease writes it
// to every cursor of this cluster: while a receiver is down for longer than the
// chain of markers is, the next run must still know one of them.
func (c *committer) saw(marker string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if marker != "" && Newer(marker, c.marker) {
		c.marker = marker
	}
}

// loop commits what was handed over, no more often than the store allows, and
// renews the lease, until stop is closed. An error means that this run has lost
// the checkpoint and must stop.
func (c *committer) loop(ctx context.Context, stop <-chan struct{}) error {
	renew := time.NewTicker(c.leaseTime / 3)
	defer renew.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-renew.C:
		case <-c.wake:
			select {
			case <-pause.C:
			case <-stop:
				return nil // the last commit is finish's
			}
		}
		if err := c.commit(ctx, false); err != nil {
			return err
		}
		pause.Reset(c.pause)
	}
}

// finish commits what is left and ends the lease.
func (c *committer) finish(ctx context.Context) error { return c.commit(ctx, true) }

// commit writes the cursors handed over so far. If we crash before it is
// applied, the next run sends the pages since the last commit again; if we crash
// after it, those are settled, because a cursor is handed over only then.
func (c *committer) commit(ctx context.Context, release bool) error {
	c.mu.Lock()
	moved, marker := maps.Clone(c.pending), c.marker
	c.mu.Unlock()

	_, err := withRetry(ctx, c, "commit checkpoint", func() (struct{}, error) {
		if err := c.mayWeSend(); err != nil {
			return struct{}{}, backoff.Permanent(err)
		}
		next := c.current.Clone()
		next.Revision++
		for receiver, cursor := range moved {
			next.Set(c.cluster, receiver, cursor)
		}
		for receiver, cursor := range next.Clusters[c.cluster] {
			if marker != "" && cursor.Marker != "" && Newer(marker, cursor.Marker) {
				cursor.Marker = marker
				next.Clusters[c.cluster][receiver] = cursor
			}
		}
		for _, receiver := range c.departed {
			delete(next.Clusters[c.cluster], receiver)
		}
		next.Lease.Holder, next.Lease.Expires = c.holder, c.now().Add(c.leaseTime).UTC()
		if release {
			next.Lease.Holder, next.Lease.Expires = "", time.Time{}
		}
		return struct{}{}, c.swap(ctx, next)
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for receiver, cursor := range moved {
		if c.onMoved != nil {
			c.onMoved(receiver, cursor)
		}
		if p := c.pending[receiver]; p.ResourceVersion == cursor.ResourceVersion && bytes.Equal(p.State, cursor.State) {
			delete(c.pending, receiver)
		}
	}
	return nil
}

// swap commits next. After any error it looks at what is stored now: our own
// revision means that only the reply was lost.
func (c *committer) swap(ctx context.Context, next state.Checkpoint) error {
	token, err := c.store.Commit(ctx, next, c.token)
	if err == nil {
		c.took(next, token)
		return nil
	}
	c.metrics.CommitFailures.Inc()
	stored, token, loadErr := c.store.Load(ctx)
	switch {
	case errors.Is(loadErr, state.ErrNotFound):
		return backoff.Permanent(fmt.Errorf("the checkpoint was removed while this run was at work: %w", err))
	case errors.Is(loadErr, state.ErrUnreadable):
		return backoff.Permanent(loadErr)
	case loadErr != nil:
		return err
	case stored.Revision == next.Revision && stored.Lease.Holder == next.Lease.Holder:
		c.took(stored, token)
		return nil
	case stored.Lease.Holder == c.holder:
		// Still ours: not applied, or an earlier attempt was whose reply we never
		// saw, or somebody touched the object beside our data. Go on from there.
		c.current, c.token = stored, token
		return err
	}
	return backoff.Permanent(&HeldError{Holder: cmp.Or(stored.Lease.Holder, "another run, which has ended since")})
}

func (c *committer) took(next state.Checkpoint, token state.Token) {
	c.metrics.Commits.Inc()
	c.current, c.token = next, token
	if next.Lease.Holder == c.holder {
		c.until.Store(next.Lease.Expires.UnixNano())
	}
}
