package run

import (
	"context"
	"fmt"
	"time"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/state"
)

// patience is how long the shared read waits for one receiver whose inbox is
// full before it goes on without it.
const patience = 2 * time.Second

// patienceFollowing is the same where pages are small: an inbox that is full
// then holds as much as a large batch, and whoever is let go soon joins again.
const patienceFollowing = 200 * time.Millisecond

// A reader reads pages from one Source for a group of lanes. It is used by one
// goroutine; two readers of one Job have no lane in common.
type reader struct {
	*Job
	source Source
	// rewind is told where to begin again when the history was rewritten.
	rewind func(next state.Cursor) error
	// again: another reader has read the same pages before. Lanes that wait for
	// this one must not wait for each other, and what is dropped is known.
	again bool
	// counted is the newest version of which dropped is known.
	counted string
}

// read hands pages to the lanes until all have caught up, have failed, or ctx
// ends. Receivers that are at different places share one read from the lowest;
// one that was let go reads again, from its own place, in a further round.
func (j *Job) read(p Phases, c *committer, lanes []*lane) error {
	for _, l := range lanes {
		l.open(p.Send, c, nil)
	}
	r := &reader{Job: j, source: j.Source, rewind: func(next state.Cursor) error { return j.rewindAll(c, lanes, next) }}
	for {
		group := behind(lanes)
		if len(group) == 0 {
			return nil
		}
		if err := r.round(p.Read, group); err != nil {
			return err
		}
		r.rewind = tooLate
	}
}

// tooLate ends a run whose first pages are out already.
func tooLate(state.Cursor) error { return errRewrittenMeanwhile }

// behind are the lanes that have more to read, once one of them has room.
func behind(lanes []*lane) []*lane {
	var group []*lane
	for _, l := range lanes {
		if !l.caughtUp && !l.stopped() {
			l.letGo = false
			group = append(group, l)
		}
	}
	return group
}

func (r *reader) round(ctx context.Context, group []*lane) error {
	if err := waitForRoom(ctx, group); err != nil {
		return err
	}
	for page, err := range r.source.Since(ctx, lowest(group)) {
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		reading, err := r.take(ctx, page, group)
		if err != nil {
			return err
		}
		if reading == 0 {
			return nil
		}
	}
	for _, l := range group {
		if l.caughtUp = !l.letGo && !l.stopped(); l.caughtUp && !r.again {
			l.note(Delivering, nil)
		}
	}
	return nil
}

// take hands one page on. It returns how many lanes still read.
func (r *reader) take(ctx context.Context, page source.Page, group []*lane) (reading int, _ error) {
	if err := r.note(&page, r.rewind); err != nil {
		return 0, err
	}
	r.count(page)
	if r.Enricher != nil {
		// If this fails the page is owed to everyone: a rule on labels would drop what it should match.
		if err := r.Enricher.Enrich(ctx, page.Events); err != nil {
			return 0, fmt.Errorf("look up involved objects: %w", err)
		}
	}
	return r.share(ctx, page, group)
}

// waitForRoom holds the next round until some lane of it can take a page.
func waitForRoom(ctx context.Context, group []*lane) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, l := range group {
			if l.hasRoom(fullPage) || l.stopped() {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func lowest(group []*lane) state.Cursor {
	low := group[0].offered
	for _, l := range group[1:] {
		if Newer(low.ResourceVersion, l.offered.ResourceVersion) {
			low = l.offered
		}
	}
	return low
}

// share routes a page and offers each lane its part. It returns how many lanes
// still read.
func (r *reader) share(ctx context.Context, page source.Page, group []*lane) (reading int, _ error) {
	parts := r.route(page, group)
	for i, l := range group {
		if l.letGo || l.stopped() {
			continue
		}
		if !l.covers(page) {
			if err := l.offer(ctx, parts[i], page, r.patience(page, group)); err != nil {
				return 0, err
			}
		}
		if !l.letGo && !l.stopped() {
			reading++
		}
	}
	return reading, nil
}

// patience is how long a page waits for a full inbox, 0 for as long as it takes.
func (r *reader) patience(page source.Page, group []*lane) time.Duration {
	switch {
	case len(group) == 1 && !r.again:
		return 0 // nobody else waits
	case page.Next.ResourceVersion == "":
		return 0 // what has no place in a history (standard input) cannot be read again
	case page.Read == source.Following:
		return patienceFollowing
	}
	return patience
}

// route gives every lane of the group the events that are for it.
func (r *reader) route(page source.Page, group []*lane) [][]*event.Event {
	parts := make([][]*event.Event, len(group))
	place := r.places(group)
	var targets []int
	for _, ev := range page.Events {
		targets = r.Router.Route(ev, targets[:0])
		if len(targets) == 0 && !r.again && r.firstSeen(ev) {
			r.dropped.Add(1)
			r.Metrics.Route.Dropped.Inc()
		}
		for _, target := range targets {
			if i := place[target]; i >= 0 && !group[i].letGo && group[i].wants(ev) {
				parts[i] = append(parts[i], ev)
			}
		}
	}
	r.seen(page)
	return parts
}

// places maps a receiver's index in the job to its place in the group, or -1.
func (j *Job) places(group []*lane) []int {
	place := make([]int, len(j.Receivers))
	for i := range place {
		place[i] = -1
		for g, l := range group {
			if l.Name == j.Receivers[i].Name {
				place[i] = g
			}
		}
	}
	return place
}

func (j *Job) count(page source.Page) {
	j.eventsRead.Add(int64(len(page.Events)))
	j.Metrics.Source.EventsRead.Add(float64(len(page.Events)))
	j.active.Store(time.Now().UnixNano())
	j.mu.Lock()
	defer j.mu.Unlock()
	if page.Read != "" && j.readAs != source.Windows {
		// A read that began as a replay and went on by windows is reported as the latter.
		j.readAs, j.readReason = page.Read, page.Why
	}
}

// firstSeen keeps an event that is read again for one receiver from being
// counted as dropped twice.
func (r *reader) firstSeen(ev *event.Event) bool {
	return ev.ResourceVersion == "" || Newer(ev.ResourceVersion, r.counted)
}

func (r *reader) seen(page source.Page) {
	if next := page.Next.ResourceVersion; !fromStart(next) && Newer(next, r.counted) {
		r.counted = next
	}
}

// lookAgain is how often a full inbox is looked at.
const lookAgain = 5 * time.Millisecond

// offer puts a page into the inbox. While others wait for the same read, a lane
// whose inbox stays full is let go.
func (l *lane) offer(ctx context.Context, events []*event.Event, page source.Page, patience time.Duration) error {
	weight := weight(page)
	for waited := time.Duration(0); !l.hasRoom(weight); waited += lookAgain {
		if patience > 0 && waited >= patience {
			l.letGo = true
			return nil
		}
		select {
		case <-time.After(lookAgain):
		case <-l.done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	select {
	case <-l.done:
		return nil
	default:
	}
	// Nobody else puts anything in, so that this does not block.
	l.inbox <- deliver.Parcel{Events: events, Next: page.Next}
	l.waits = append(l.waits, weight)
	l.routed.Add(int64(len(events)))
	if page.Next.ResourceVersion != "" {
		l.offered = page.Next
	}
	return nil
}
