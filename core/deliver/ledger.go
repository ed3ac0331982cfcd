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
	last    state.Cursor // of the page before
}

// entry is a cursor that waits for what stands before it.
type entry struct {
	open bool
	next state.Cursor
}

// add opens a page. It returns what stands for each of its events; a page of
// none is settled as soon as all before it are.
func (l *ledger) add(p Parcel) []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries := make([]*entry, 0, len(p.Events)+1)
	for _, ev := range p.Events {
		entries = append(entries, &entry{open: true, next: l.within(p, ev)})
	}
	l.entries = append(append(l.entries, entries...), &entry{next: p.Next})
	l.last = p.Next
	l.hand()
	return entries
}

// within is the cursor at one event of a page, the zero cursor if the page has
// no place in a history. It counts as no younger than the event: what comes
// after it may be about to expire, however young the page is.
func (l *ledger) within(p Parcel, ev *event.Event) state.Cursor {
	if p.Next.ResourceVersion == "" || ev.ResourceVersion == "" {
		return state.Cursor{}
	}
	at := l.last.ReadAt
	if ev.CreationTimestamp.After(at) {
		at = ev.CreationTimestamp.UTC()
	}
	return state.Cursor{ResourceVersion: ev.ResourceVersion, ReadAt: at, Marker: p.Next.Marker}
}

func (l *ledger) settle(items []item) {
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
