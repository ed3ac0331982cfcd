package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/state"
)

// Once makes one run: everything that was there when it began is delivered and
// committed, or the Report says why not. The error is nil if the run did its
// work, if another run holds the lease, or if a phase ended with more to do; it
// is state.ErrUnreadable if the checkpoint cannot be read, and nothing was
// written then.
func (j *Job) Once(p Phases) (Report, error) {
	return j.run(p, j.read)
}

// reading opens the lanes and reads for them until there is nothing more to
// read, or until the phase ends.
type reading func(p Phases, c *committer, lanes []*lane) error

func (j *Job) run(p Phases, read reading) (Report, error) {
	began := time.Now()
	if j.Metrics == nil {
		j.Metrics = metrics.Discard()
	}
	lanes := j.newLanes()
	err := j.leased(p, lanes, read)
	report := j.report(lanes, began)
	var held *HeldError
	switch {
	case errors.As(err, &held):
		report.LeaseHeldBy, report.CaughtUp, err = &held.Holder, false, nil
	case isPhaseEnd(err):
		report.CaughtUp, err = false, nil
	}
	if err != nil {
		report.CaughtUp, report.Error = false, err.Error()
	}
	return report, err
}

// isPhaseEnd reports whether err says that time was up, and nothing else.
func isPhaseEnd(err error) bool {
	switch e := err.(type) { //nolint:errorlint // this takes the chain apart: errors.Is sees a phase's end beside a failure too
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(one error) bool { return !isPhaseEnd(one) })
	case interface{ Unwrap() error }:
		return isPhaseEnd(e.Unwrap())
	}
	return err == ErrDeadline || err == ErrInterrupted //nolint:errorlint // as above
}

func (j *Job) leased(p Phases, lanes []*lane, read reading) (err error) {
	unlock, locked, err := j.lock(p.Read)
	if err != nil {
		return phaseCause(p.Read, err)
	}
	defer func() { err = errors.Join(err, unlock()) }()

	c := newCommitter(j, func(receiver string, cursor state.Cursor) {
		for _, l := range lanes {
			if l.Name == receiver {
				l.committed.Store(&cursor)
			}
		}
	})
	// The operating system's lock ends with its process, so that with it in our
	// hands the lease of a killed run is known to be dead.
	if err := c.acquire(p.Read, locked); err != nil {
		return phaseCause(p.Read, err)
	}
	j.Metrics.Run.LeaseHeld.Set(1)
	defer j.Metrics.Run.LeaseHeld.Set(0)
	err = j.underLease(p, c, lanes, read)
	if taken(err) {
		return err
	}
	// If we crash here everything settled since the last commit is sent again.
	if finishErr := c.finish(p.Commit); finishErr != nil {
		return errors.Join(err, finishErr)
	}
	return err
}

// taken reports whether the lease is not ours any more.
func taken(err error) bool {
	var held *HeldError
	return errors.As(err, &held) || errors.Is(err, errLeaseExpired)
}

// lock takes the store's own lock, if its medium has one.
func (j *Job) lock(ctx context.Context) (unlock func() error, locked bool, err error) {
	locker, ok := j.Store.(state.Locker)
	if !ok {
		return func() error { return nil }, false, nil
	}
	unlock, err = locker.Lock(ctx)
	if errors.Is(err, state.ErrLocked) {
		return nil, false, &HeldError{Holder: j.storedHolder(ctx, err)}
	}
	if err != nil {
		return nil, false, fmt.Errorf("lock checkpoint: %w", err)
	}
	return unlock, true, nil
}

// storedHolder names who holds the lock: the checkpoint knows, if it can be read.
func (j *Job) storedHolder(ctx context.Context, lockErr error) string {
	current, _, err := j.Store.Load(ctx)
	if err != nil || current.Lease.Holder == "" {
		return lockErr.Error()
	}
	return current.Lease.Holder
}

// underLease reads and delivers while a goroutine commits and renews.
func (j *Job) underLease(p Phases, c *committer, lanes []*lane, readAll reading) error {
	if err := j.adopt(p.Read, c); err != nil {
		return phaseCause(p.Read, err)
	}
	if err := j.begin(p.Read, c, lanes); err != nil {
		return phaseCause(p.Read, err)
	}
	read, cancelRead := context.WithCancelCause(p.Read)
	defer cancelRead(nil)
	send, cancelSend := context.WithCancelCause(p.Send)
	defer cancelSend(nil)

	stopCommits := make(chan struct{})
	var committing sync.WaitGroup
	var commitErr error
	committing.Go(func() {
		if commitErr = c.loop(p.Commit, stopCommits); commitErr != nil {
			// Whoever has the lease now may send what we hold: stop at once.
			cancelRead(commitErr)
			cancelSend(commitErr)
		}
	})
	readErr := readAll(Phases{Read: read, Send: send, Commit: p.Commit}, c, lanes)
	for _, l := range lanes {
		close(l.inbox)
	}
	for _, l := range lanes {
		<-l.done
	}
	close(stopCommits)
	committing.Wait()
	if commitErr != nil {
		return commitErr
	}
	return errors.Join(failures(lanes), phaseCause(read, readErr))
}

// failures are the receivers that gave up, or the loss of the lease, which one
// of them may have been the first to see.
func failures(lanes []*lane) error {
	var all []error
	for _, l := range lanes {
		if taken(l.err) {
			return l.err
		}
		if l.err != nil && !isPhaseEnd(l.err) {
			all = append(all, fmt.Errorf("receiver %s: %w", l.Name, l.err))
		}
	}
	return errors.Join(all...)
}

// phaseCause is why the phase ended, if that is what err is about: what failed
// by itself before stays a failure.
func phaseCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err != nil && cause != nil && (errors.Is(err, cause) || errors.Is(err, ctx.Err())) {
		return cause
	}
	return err
}
