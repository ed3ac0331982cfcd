package run

import (
	"context"
	"errors"
	"time"
)

// Phases are how a run ends: first it stops reading, then sending, then
// committing, so that what was read can still be delivered and what was
// delivered can still be committed.
type Phases struct {
	Read, Send, Commit context.Context
}

// Why a phase ended.
var (
	ErrDeadline    = errors.New("the deadline came")
	ErrInterrupted = errors.New("interrupted")
)

// NewPhases makes the phases of a run that ends by itself, at deadline unless it
// is zero, or within grace after stop is closed. Call the returned function when
// the run is over.
func NewPhases(ctx context.Context, deadline time.Time, stop <-chan struct{}, grace time.Duration) (Phases, func()) {
	commit, cancelCommit := context.WithCancelCause(ctx)
	send, cancelSend := context.WithCancelCause(commit)
	read, cancelRead := context.WithCancelCause(send)
	go func() {
		var at <-chan time.Time
		left, why := grace, ErrInterrupted
		if !deadline.IsZero() {
			timer := time.NewTimer(time.Until(deadline) - reserve(time.Until(deadline)))
			defer timer.Stop()
			at = timer.C
		}
		select {
		case <-at:
			left, why = time.Until(deadline), ErrDeadline
		case <-stop:
			if !deadline.IsZero() {
				left = min(left, time.Until(deadline))
			}
		case <-commit.Done():
			return
		}
		cancelRead(why)
		end(commit, left-left/4, cancelSend, why)
		end(commit, left/4, cancelCommit, why)
	}()
	return Phases{Read: read, Send: send, Commit: commit}, func() { cancelCommit(nil) }
}

// reserve is the part of a run's time that is kept for delivering, committing
// and reporting after the reading has stopped: a fifth, at most 20 s.
func reserve(total time.Duration) time.Duration {
	return min(total/5, 20*time.Second)
}

// end waits, unless the run is over before, and cancels.
func end(over context.Context, wait time.Duration, cancel context.CancelCauseFunc, why error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		cancel(why)
	case <-over.Done():
	}
}
