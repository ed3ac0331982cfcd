package run

import (
	"context"
	"time"
)

const (
	// lookTime is how often the lanes that are behind are looked at.
	lookTime = 250 * time.Millisecond
	// A receiver that stopped is opened again after a while, which doubles. Its
	// first batch goes out alone (see deliver): that is the probe.
	leastRest = 15 * time.Second
	mostRest  = 5 * time.Minute
	// A receiver that keeps up for so long was not let go for being too slow.
	keptUp   = time.Minute
	mostFlap = 15 * time.Second
)

// readAgain reads for the lanes that do not keep up, until ctx ends. They share a
// read from the lowest cursor, none waits for another, and who has caught up
// joins the follower.
func (w *watch) readAgain(ctx context.Context) error {
	r := &reader{Job: w.Job, source: w.Again, rewind: tooLate, again: true}
	tick := time.NewTicker(lookTime)
	defer tick.Stop()
	wait := newWait()
	var behind []*lane
	for {
		select {
		case <-ctx.Done():
			return nil
		case l := <-w.left:
			behind = append(behind, w.rest(l))
			continue
		case <-tick.C:
		}
		group := w.ready(behind)
		if len(group) == 0 {
			continue
		}
		err := r.round(ctx, group)
		switch {
		case ctx.Err() != nil:
			return nil
		case IsRewritten(err) || taken(err):
			return err
		case err != nil:
			w.Log.Warn("reading for receivers that are behind failed, trying again", "error", err)
			sleep(ctx, wait.NextBackOff())
		default:
			wait.Reset()
		}
		behind = w.join(behind)
	}
}

// rest notes when a lane is read for again: soon, if it was let go, and later the
// more often it has joined and was let go again; after a while, if it has stopped.
func (w *watch) rest(l *lane) *lane {
	if !l.stopped() {
		if time.Since(l.joinedAt) > keptUp {
			l.flaps = 0
		}
		l.idleUntil = time.Now().Add(min(lookTime<<min(l.flaps, 10), mostFlap))
		l.flaps++
		return l
	}
	if batches := l.Deliver.Stats().Batches; batches != l.acknowledged {
		l.failures, l.acknowledged = 0, batches
	}
	rest := min(leastRest<<min(l.failures, 10), mostRest)
	l.failures++
	l.retryAt = time.Now().Add(rest)
	l.note(Stopped, l.err)
	w.Log.Error("a receiver has stopped; what it is owed is kept, the others go on", "receiver", l.Name, "error", l.err, "again", rest)
	return l
}

// ready are the lanes that can take pages: an empty inbox, or a rest that is over.
// To read for one with a little room would be a read for each page.
func (w *watch) ready(behind []*lane) []*lane {
	var group []*lane
	for _, l := range behind {
		switch {
		case !l.stopped():
			if len(l.inbox) > 0 || time.Now().Before(l.idleUntil) {
				continue
			}
		case l.retryAt.IsZero():
			w.rest(l)
			continue
		case time.Now().Before(l.retryAt):
			continue
		default:
			w.reopen(l)
		}
		l.letGo, l.caughtUp = false, false
		group = append(group, l)
	}
	return group
}

// reopen begins where the lane's last settled page ended: what was in its inbox
// is read again.
func (w *watch) reopen(l *lane) {
	l.reset()
	l.retryAt = time.Time{}
	l.offered = *l.settled.Load()
	l.routed.Store(l.Deliver.Stats().Settled)
	l.note(CatchingUp, nil)
	l.open(w.phases.Send, w.committer, w.regroup)
}

// join hands over the lanes that have caught up and returns the others.
func (w *watch) join(behind []*lane) []*lane {
	var rest []*lane
	for _, l := range behind {
		if l.caughtUp && !l.letGo && !l.stopped() {
			l.joinedAt = time.Now()
			w.joined <- l
			continue
		}
		rest = append(rest, l)
	}
	if len(rest) < len(behind) {
		w.regroup()
	}
	return rest
}
