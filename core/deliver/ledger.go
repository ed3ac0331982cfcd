package deliver

import (
	"sync"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/state"
)

// A ledger knows what is settled. Records settle in any order; cursors are
// handed over in the order of the events only, so that none passes a record that
// is owed. A page is in resourceVersion order, so that each of its events is a
// place for a cursor too: a receiver that takes less than a page in all the time
// of a run would else begin with the same page for ever.
type ledger struct {
	mu      sync.Mutex
	entries []*entry // oldest first; the first one is open
	settled func(state.Cursor)
	last    state.Cursor // of the page before, with the memory that is good after it
}

// entry is a cursor that waits for what stands before it.
type entry struct {
	open bool
	next state.Cursor
}

// add opens a page. It returns what stands for each of its events, and for its
// end, which waits for close.
func (l *ledger) add(p Parcel) (events []*entry, end *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	events = make([]*entry, 0, len(p.Events))
	for _, ev := range p.Events {
		events = append(events, &entry{open: true, next: l.within(p, ev)})
	}
	end = &entry{open: true, next: p.Next}
	l.entries = append(append(l.entries, events...), end)
	return events, end
}

// open adds one place that waits, for a message that no single event stands for.
func (l *ledger) open(next state.Cursor) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &entry{open: true, next: next}
	l.entries = append(l.entries, e)
	return e
}

// close ends a page, with the memory that is good once all of it is settled.
func (l *ledger) close(end *entry, memory []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end.open, end.next.State = false, memory
	l.last = end.next
	l.hand()
}

// within is the cursor at one event of a page, the zero cursor if the page has
// no place in a history. It counts as no younger than the event: what comes
// after it may be about to expire, however young the page is. The memory is that
// of the page before: if we crash here, what this page has told may be told again.
func (l *ledger) within(p Parcel, ev *event.Event) state.Cursor {
	if p.Next.ResourceVersion == "" || ev.ResourceVersion == "" {
		return state.Cursor{}
	}
	at := l.last.ReadAt
	if ev.CreationTimestamp.After(at) {
		at = ev.CreationTimestamp.UTC()
	}
	return state.Cursor{ResourceVersion: ev.ResourceVersion, ReadAt: at, Marker: p.Next.Marker, State: l.last.State}
}

func (l *ledger) settle(items ...item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range items {
		it.entry.open = false
	}
	l.hand()
}

func (l *ledger) hand() {
	n := 0
	for n < len(l.entries) && !l.entries[n].open {
		n++
	}
	if n == 0 {
		return
	}
	last := l.entries[n-1].next
	clear(l.entries[:n])
	l.entries = l.entries[n:]
	if last.ResourceVersion != "" {
		l.settled(last)
	}
}
