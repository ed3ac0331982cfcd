package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/state"
)

// Watch delivers what is new and then what comes, under the lease, until p.Read
// ends; then it delivers and commits what was read, as Once does. The Report is
// of all of it. Reads that fail are made again, with backoff, and receivers that
// stopped are opened again, so that the error is nil or one that this Job cannot
// mend: the lease is lost or held, the checkpoint cannot be written, or the
// history was rewritten meanwhile, after which another Watch begins anew.
//
// Receivers that keep up share one watch. One that does not is let go, reads
// again from its own cursor beside the others, and joins them when it has caught
// up: then the watch is opened again where it is, and the others skip what they
// had. At no time is there a page in memory for which no inbox has room.
func (j *Job) Watch(p Phases) (Report, error) {
	return j.run(p, func(p Phases, c *committer, lanes []*lane) error {
		w := &watch{Job: j, phases: p, committer: c, left: make(chan *lane, len(lanes)), joined: make(chan *lane, len(lanes))}
		return w.run(lanes)
	})
}

// IsRewritten reports whether a Watch ended because the cluster's history was
// rewritten while it was at work. The next one delivers everything retained.
func IsRewritten(err error) bool { return errors.Is(err, errRewrittenMeanwhile) }

// A watch is one call of Watch: a goroutine that follows for the lanes that keep
// up, and one that reads again for the others. A lane belongs to one of the two;
// the channels hand it over.
type watch struct {
	*Job
	phases       Phases
	committer    *committer
	left, joined chan *lane // each has room for every lane

	mu        sync.Mutex
	interrupt context.CancelCauseFunc // ends the present read of the follower
}

// errInterrupt ends a read because the group of lanes has changed.
var errInterrupt = errors.New("another lane joins or has stopped")

func (w *watch) run(lanes []*lane) error {
	ctx, cancel := context.WithCancelCause(w.phases.Read)
	defer cancel(nil)
	var again sync.WaitGroup
	var againErr error
	again.Go(func() {
		if againErr = w.readAgain(ctx); againErr != nil {
			cancel(againErr)
		}
	})
	for _, l := range lanes {
		l.open(w.phases.Send, w.committer, w.regroup)
	}
	err := w.follow(ctx, slices.Clone(lanes))
	cancel(err)
	again.Wait()
	return errors.Join(err, againErr)
}

// follow reads for the lanes that keep up.
func (w *watch) follow(ctx context.Context, group []*lane) error {
	r := &reader{Job: w.Job, rewind: func(next state.Cursor) error { return w.rewindAll(w.committer, group, next) }}
	wait := newWait()
	for {
		reading, end := w.reading(ctx)
		group = w.sort(w.admit(reading, group))
		if len(group) == 0 {
			end(nil)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			continue
		}
		err := w.followGroup(reading, r, group, wait)
		interrupted := errors.Is(context.Cause(reading), errInterrupt)
		end(nil)
		group = w.sort(group)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil || interrupted:
		case IsRewritten(err) || taken(err):
			return err
		default:
			pause := wait.NextBackOff()
			w.failing(group, err)
			w.Log.Warn("reading failed, trying again; nothing is lost that the cluster still holds", "error", err, "in", pause.Round(time.Millisecond))
			sleep(ctx, pause)
		}
	}
}

// newWait is the waiting time between two attempts to read.
func newWait() *backoff.ExponentialBackOff {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval, wait.RandomizationFactor = 500*time.Millisecond, 15*time.Second, 0.5
	wait.Reset()
	return wait
}

func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// reading is the context of one read of the follower, which regroup ends.
func (w *watch) reading(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, end := context.WithCancelCause(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.interrupt = end
	return ctx, end
}

// regroup makes the follower look at who joins and who has stopped.
func (w *watch) regroup() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.interrupt != nil {
		w.interrupt(errInterrupt)
	}
}

// admit adds the lanes that have caught up. While there is nobody to read for it
// waits for one.
func (w *watch) admit(ctx context.Context, group []*lane) []*lane {
	for {
		select {
		case l := <-w.joined:
			group = append(group, l)
			continue
		default:
		}
		if len(group) > 0 {
			return group
		}
		select {
		case l := <-w.joined:
			group = append(group, l)
		case <-ctx.Done():
			return nil
		}
	}
}

// sort hands over the lanes that were let go or have stopped, and returns those
// that go on.
func (w *watch) sort(group []*lane) []*lane {
	var on []*lane
	for _, l := range group {
		if l.letGo || l.stopped() {
			l.note(Behind, nil)
			w.left <- l
		} else {
			on = append(on, l)
		}
	}
	return on
}

// followGroup reads until an error or, with nil, until the group has changed.
func (w *watch) followGroup(ctx context.Context, r *reader, group []*lane, wait *backoff.ExponentialBackOff) error {
	follower, ok := w.Source.(Follower)
	if !ok {
		return fmt.Errorf("%T cannot be followed", w.Source)
	}
	for page, err := range follower.Follow(ctx, lowest(group)) {
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		reading, err := r.take(ctx, page, group)
		if err != nil {
			return err
		}
		// The first page is out: to begin again from the start would mix two histories.
		r.rewind = tooLate
		w.committer.saw(page.Next.Marker)
		if page.Read == source.Following {
			wait.Reset()
			if !w.following.Swap(true) {
				w.Log.Info("caught up, following the cluster", "resourceVersion", page.Next.ResourceVersion)
			}
			keepingUp(group, page.Next)
		}
		if reading < len(group) {
			return nil
		}
	}
	return nil
}

// keepingUp notes that lanes have been offered all that the cluster has. A read
// in windows brings an event's newest version only, so that before this point
// the time where the run began tells what is an update.
func keepingUp(group []*lane, at state.Cursor) {
	for _, l := range group {
		if l.letGo || l.stopped() {
			continue
		}
		l.caughtUp = true
		l.note(Delivering, nil)
		if !at.ReadAt.IsZero() {
			l.readAt, l.now = at.ReadAt, at.ReadAt
		}
	}
}

func (w *watch) failing(group []*lane, err error) {
	w.following.Store(false)
	w.active.Store(time.Now().UnixNano())
	for _, l := range group {
		l.note(CatchingUp, err)
	}
}
