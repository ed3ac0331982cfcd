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

// read hands pages to the lanes until all have caught up, have failed, or ctx
// ends. Receivers that are at different places share one read from the lowest;
// one that was let go reads again, from its own place, in a further round.
func (j *Job) read(ctx context.Context, c *committer, lanes []*lane) error {
	for first := true; ; first = false {
		group := behind(lanes)
		if len(group) == 0 {
			return nil
		}
		if first {
			j.rewind = func(next state.Cursor) error { return j.rewindAll(c, lanes, next) }
		} else {
			j.rewind = func(state.Cursor) error { return errRewrittenMeanwhile }
		}
		if err := j.round(ctx, group); err != nil {
			return err
		}
	}
}

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

func (j *Job) round(ctx context.Context, group []*lane) error {
	if err := waitForRoom(ctx, group); err != nil {
		return err
	}
	for page, err := range j.Source.Since(ctx, lowest(group)) {
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		if err := j.note(&page); err != nil {
			return err
		}
		j.count(page)
		reading, err := j.share(ctx, page, group)
		if err != nil {
			return err
		}
		if reading == 0 {
			return nil
		}
	}
	for _, l := range group {
		l.caughtUp = !l.letGo && !l.stopped()
	}
	return nil
}

// waitForRoom holds the next round until some lane of it can take a page.
func waitForRoom(ctx context.Context, group []*lane) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, l := range group {
			if len(l.inbox) < cap(l.inbox) || l.stopped() {
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
func (j *Job) share(ctx context.Context, page source.Page, group []*lane) (reading int, _ error) {
	parts := j.route(page, group)
	for i, l := range group {
		if l.letGo || l.stopped() {
			continue
		}
		if !l.covers(page) {
			// What has no place in a history (standard input) cannot be read again.
			shared := len(group) > 1 && page.Next.ResourceVersion != ""
			if err := l.offer(ctx, parts[i], page.Next, shared); err != nil {
				return 0, err
			}
		}
		if !l.letGo && !l.stopped() {
			reading++
		}
	}
	return reading, nil
}

// route gives every lane of the group the events that are for it.
func (j *Job) route(page source.Page, group []*lane) [][]*event.Event {
	parts := make([][]*event.Event, len(group))
	place := j.places(group)
	var targets []int
	for _, ev := range page.Events {
		targets = j.Router.Route(ev, targets[:0])
		if len(targets) == 0 && j.firstSeen(ev) {
			j.dropped.Add(1)
		}
		for _, target := range targets {
			if i := place[target]; i >= 0 && !group[i].letGo && group[i].wants(ev) {
				parts[i] = append(parts[i], ev)
			}
		}
	}
	j.seen(page)
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
	if page.Read != "" && j.readAs != source.Windows {
		// A read that began as a replay and went on by windows is reported as the latter.
		j.readAs, j.readReason = page.Read, page.Why
	}
}

// firstSeen keeps an event that is read again for one receiver from being
// counted as dropped twice.
func (j *Job) firstSeen(ev *event.Event) bool {
	return ev.ResourceVersion == "" || Newer(ev.ResourceVersion, j.counted)
}

func (j *Job) seen(page source.Page) {
	if next := page.Next.ResourceVersion; !fromStart(next) && Newer(next, j.counted) {
		j.counted = next
	}
}

// offer puts a page into the inbox. While others wait for the same read, a lane
// whose inbox stays full is let go.
func (l *lane) offer(ctx context.Context, events []*event.Event, next state.Cursor, shared bool) error {
	var enough <-chan time.Time
	if shared {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case l.inbox <- deliver.Parcel{Events: events, Next: next}:
		l.routed += int64(len(events))
		if next.ResourceVersion != "" {
			l.offered = next
		}
	case <-l.done:
	case <-enough:
		l.letGo = true
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}
