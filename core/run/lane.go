package run

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/state"
)

// What waits for one receiver is bounded. Beyond that it is let go and reads
// again from where it was: the cluster is the buffer.
const (
	inboxBytes = 2 * fullPage
	inboxPages = 256     // pages of a watch are small
	fullPage   = 1 << 20 // what a page counts for whose size is not known, or that may be one of many
	leastEvent = 1 << 10 // what an event counts for at least: it is larger decoded
)

// weight is what a page counts for in an inbox. Only a watch brings pages that
// are small because little happens; of others two are enough to have one ready,
// and what waits at a deadline stays owed.
func weight(page source.Page) int {
	if page.Read != source.Following || page.Bytes == 0 && len(page.Events) > 0 {
		return fullPage
	}
	return max(page.Bytes, len(page.Events)*leastEvent)
}

// A lane is one receiver's part of a run. It belongs to the goroutine that reads
// for it; what others may look at is atomic.
type lane struct {
	Receiver
	inbox chan deliver.Parcel
	waits []int         // weights of what was put into the inbox last, the newest at the end
	done  chan struct{} // closed when Deliver returned
	err   error         // why, good after done

	offered   state.Cursor // everything at or before it is in the inbox or behind it
	readAt    time.Time    // of the cursor this run began with, or where it last followed
	notBefore time.Time    // events that happened earlier are not for the first run
	now       time.Time    // the API server's clock at the beginning, or when it last followed
	letGo     bool         // left the shared read, to read again later
	caughtUp  bool
	idleUntil time.Time // in watch mode, a lane that was let go is read for again then
	retryAt   time.Time // and one that has stopped is opened again
	joinedAt  time.Time // when it last joined those that follow
	flaps     int       // how often it was let go soon after that
	failures  int       // how often it stopped without an acknowledgement in between

	acknowledged int64 // batches, when it last stopped
	tooOld       prometheus.Counter

	routed    atomic.Int64
	settled   atomic.Pointer[state.Cursor] // handed to the committer
	committed atomic.Pointer[state.Cursor]
	condition atomic.Pointer[Condition]
}

func (j *Job) newLanes() []*lane {
	lanes := make([]*lane, 0, len(j.Receivers))
	for _, r := range j.Receivers {
		if r.Idle {
			continue
		}
		l := &lane{Receiver: r, tooOld: j.Metrics.Route.TooOld}
		l.reset()
		lanes = append(lanes, l)
	}
	j.mu.Lock()
	j.lanes = lanes
	j.mu.Unlock()
	return lanes
}

// reset makes a lane ready to be opened.
func (l *lane) reset() {
	l.inbox, l.waits, l.done, l.err = make(chan deliver.Parcel, inboxPages), nil, make(chan struct{}), nil
}

// hasRoom reports whether the inbox takes a page of this weight. An empty one
// takes any.
func (l *lane) hasRoom(weight int) bool {
	waiting := len(l.inbox)
	l.waits = l.waits[max(len(l.waits)-waiting, 0):] // what stood before was taken
	for _, w := range l.waits {
		weight += w
	}
	return waiting == 0 || waiting < cap(l.inbox) && weight <= inboxBytes
}

func (l *lane) begin(cursor state.Cursor, now time.Time) {
	l.offered, l.now = cursor, now
	l.settled.Store(&cursor)
	l.committed.Store(&cursor)
	l.condition.Store(&Condition{State: CatchingUp, Since: time.Now()})
	if !fromStart(cursor.ResourceVersion) {
		l.readAt = cursor.ReadAt
	} else if l.StartAge > 0 {
		// A receiver's own start has a time. The beginning that a reset or a hand
		// put it back to has none, so that no event is too old for it.
		l.notBefore = cursor.ReadAt.Add(-l.StartAge)
	}
}

// open begins to deliver. stopped, if it is not nil, is called once the receiver
// has stopped because of an error.
func (l *lane) open(ctx context.Context, c *committer, stopped func()) {
	inbox, done, from := l.inbox, l.done, *l.settled.Load()
	go func() {
		err := l.Deliver.Deliver(ctx, from, inbox, c.mayWeSend, func(cursor state.Cursor) {
			l.settled.Store(&cursor)
			c.settled(l.Name, cursor)
		})
		l.err = err
		close(done)
		if err != nil && stopped != nil {
			stopped()
		}
	}()
}

// owed is what was routed to it and is not settled.
func (l *lane) owed(s deliver.Stats) int64 { return l.routed.Load() - s.Settled }

func (l *lane) failed() error {
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

func (l *lane) stopped() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// covers reports whether everything in the page was offered to this lane before.
func (l *lane) covers(page source.Page) bool {
	next := page.Next.ResourceVersion
	return !fromStart(next) && !Newer(next, l.offered.ResourceVersion)
}

// wants applies the receiver's own conditions to an event that is routed to it.
func (l *lane) wants(ev *event.Event) bool {
	if ev.ResourceVersion != "" && !Newer(ev.ResourceVersion, l.offered.ResourceVersion) {
		return false
	}
	at := ev.Time()
	if !at.IsZero() && (at.Before(l.notBefore) || l.MaxAge > 0 && at.Before(l.now.Add(-l.MaxAge))) {
		l.tooOld.Inc()
		return false
	}
	return !l.OmitUpdates || !l.isUpdate(ev)
}

// certain is how much older than the cursor an event must be before its next
// version counts as an update: clocks differ, and in doubt it is sent.
const certain = time.Minute

func (l *lane) isUpdate(ev *event.Event) bool {
	return !l.readAt.IsZero() && !ev.CreationTimestamp.IsZero() &&
		ev.CreationTimestamp.Time.Before(l.readAt.Add(-certain))
}

func fromStart(version string) bool { return version == "" || version == fromOldest }

// Newer reports whether version a comes after b, by the API server's own rule;
// the start of all, "" or "0", comes before every version. Versions were
// checked where they came in: a malformed one counts as newer, so that it is
// sent rather than lost.
func Newer(a, b string) bool {
	if fromStart(a) || fromStart(b) {
		return !fromStart(a)
	}
	c, err := resourceversion.CompareResourceVersion(a, b)
	return err != nil || c > 0
}
