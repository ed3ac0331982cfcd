package source

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/state"
)

// A window reads a collection that cannot be asked for "since": each pass scans
// all of it and keeps, within a bound of bytes, the events with the lowest
// versions above the cursor. What did not fit is read by the next pass, so that
// a backlog of B bytes costs about B/memory scans and never more memory.
type window struct {
	// scan offers every event of one snapshot. It returns errSnapshotGone if at
	// names a snapshot that the server no longer has.
	scan func(ctx context.Context, at string, offer func(version string, raw []byte) error) (snapshot, error)
	// trim is what is held of an event that was offered, good until the next call.
	trim func(raw []byte) []byte
	// decode turns what was held into an event.
	decode func(raw []byte) (*event.Event, error)

	memory, pageEvents, pageBytes int

	scratch []byte
}

type snapshot struct {
	version string    // everything at or before it was offered, nothing after it counts
	at      time.Time // by the server's clock
}

var errSnapshotGone = errors.New("the server forgets a snapshot faster than it can be listed")

// mostGone is how many snapshots in a row may be compacted before they are read.
const mostGone = 5

// read hands out everything after from, up to the snapshot of its last pass.
func (w *window) read(ctx context.Context, from state.Cursor, yield func(Page) bool) error {
	cursor, pinned := from, ""
	for gone := 0; ; {
		kept, snap, err := w.pass(ctx, cursor.ResourceVersion, pinned)
		if gone++; errors.Is(err, errSnapshotGone) && gone <= mostGone {
			// Later versions only take the place of ones we have not handed out, so a
			// newer snapshot loses nothing.
			pinned = ""
			continue
		}
		if err != nil {
			return err
		}
		gone = 0
		if snap.version, err = w.forward(cursor, snap.version); err != nil {
			return err
		}
		end := snap.version
		if kept.evicted {
			end = kept.highest()
		}
		next := state.Cursor{ResourceVersion: end, ReadAt: snap.at, Marker: from.Marker}
		if err := w.handOut(kept, cursor, next, yield); err != nil {
			return err
		}
		if !kept.evicted {
			return nil
		}
		cursor, pinned = next, snap.version
	}
}

func fromStart(c state.Cursor) bool { return c.ResourceVersion == "" || c.ResourceVersion == "0" }

// forward keeps a cursor from going back. A file may hold an older part of the
// history; for a cluster a cursor from the future was ruled out before.
func (w *window) forward(cursor state.Cursor, version string) (string, error) {
	if fromStart(cursor) {
		return version, nil
	}
	ahead, err := after(cursor.ResourceVersion, version)
	if err != nil || !ahead {
		return version, err
	}
	return cursor.ResourceVersion, nil
}

// pass scans once, keeping what is newer than since and not newer than the
// snapshot. An event that was updated after the snapshot shows its new version
// only after a list had to go on with an inconsistent token; the next read
// brings it, because the cursor stays at the snapshot.
func (w *window) pass(ctx context.Context, since, pinned string) (*keeper, snapshot, error) {
	kept := &keeper{budget: w.memory}
	snap, err := w.scan(ctx, pinned, func(version string, raw []byte) error {
		newer, err := after(version, since)
		if err != nil || !newer {
			return err
		}
		return kept.offer(version, w.trim(raw))
	})
	if err != nil {
		return nil, snapshot{}, err
	}
	return kept, snap, kept.dropAfter(snap.version)
}

// handOut yields what was kept, lowest version first, as pages of bounded size.
// The last page moves the cursor to next, also when it is empty.
func (w *window) handOut(kept *keeper, from, next state.Cursor, yield func(Page) bool) error {
	items := kept.sorted()
	for len(items) > 0 {
		n, size := 0, 0
		for n < len(items) && n < w.pageEvents && (n == 0 || size+items[n].size <= w.pageBytes) {
			size += items[n].size
			n++
		}
		page := Page{Next: next, Bytes: size}
		var err error
		if page.Events, err = w.unpack(items[:n]); err != nil {
			return err
		}
		if n < len(items) {
			page.Next.ResourceVersion = items[n-1].version
		}
		if n < len(items) || kept.evicted {
			page.Next.ReadAt = currentAt(from, page.Events)
		}
		items = items[n:]
		if !yield(page) {
			return errStopped
		}
		if len(items) == 0 {
			return nil
		}
	}
	if !yield(Page{Next: next}) {
		return errStopped
	}
	return nil
}

// unpack decodes what was kept and lets go of it.
func (w *window) unpack(items []kept) ([]*event.Event, error) {
	events := make([]*event.Event, len(items))
	for i := range items {
		raw, err := items[i].unpack(w.scratch)
		if err == nil {
			events[i], err = w.decode(raw)
		}
		if err != nil {
			return nil, fmt.Errorf("decode event at version %s: %w", items[i].version, err)
		}
		if items[i].dict != nil {
			w.scratch = raw
		}
		items[i].packed = packed{}
	}
	return events, nil
}

// currentAt is a time by which the last of these versions was not yet old, for a
// cursor in mid-read: what comes after it may be about to expire, however young
// the read is.
func currentAt(from state.Cursor, events []*event.Event) time.Time {
	var at time.Time
	if !fromStart(from) {
		at = from.ReadAt
	}
	for _, ev := range events {
		if ev.CreationTimestamp.After(at) {
			at = ev.CreationTimestamp.UTC()
		}
	}
	return at
}

// keeper keeps the events with the lowest versions that fit its budget.
type keeper struct {
	budget  int // bytes
	bytes   int
	items   byVersion
	evicted bool
	lowest  string // lowest version that was turned away, if evicted
	packer  packer
}

type kept struct {
	packed
	version string
}

func (k kept) bytes() int { return len(k.data) + overhead }

// overhead is what a kept event costs beside its bytes: the struct, the
// version's own bytes, its part of a dictionary, rounded up.
const overhead = 112

// offer keeps the event, or turns it or a newer one away. raw is copied.
func (k *keeper) offer(version string, raw []byte) error {
	if k.evicted {
		// All that is kept must stay below all that was turned away, or the cursor
		// could pass the latter.
		beyond, err := after(version, k.lowest)
		if err != nil || beyond || version == k.lowest {
			return err
		}
	}
	item := kept{k.packer.pack(raw), version}
	heap.Push(&k.items, item)
	k.bytes += item.bytes()
	// One event is always kept: a budget below its size would else never move on.
	for k.bytes > k.budget && len(k.items) > 1 {
		k.turnAway()
	}
	return nil
}

// turnAway gives up the newest version, with every copy of it: a page of a list
// that is asked for again offers the same event twice.
func (k *keeper) turnAway() {
	top := heap.Pop(&k.items).(kept)
	k.bytes -= top.bytes()
	k.evicted, k.lowest = true, top.version
	for len(k.items) > 1 && k.items[0].version == top.version {
		again := heap.Pop(&k.items).(kept)
		k.bytes -= again.bytes()
	}
}

// dropAfter forgets what is newer than the snapshot. Events turned away that
// were newer do not count either.
func (k *keeper) dropAfter(version string) error {
	for len(k.items) > 0 {
		newer, err := after(k.items[0].version, version)
		if err != nil {
			return err
		}
		if !newer {
			break
		}
		heap.Pop(&k.items)
	}
	if k.evicted {
		newer, err := after(k.lowest, version)
		if err != nil {
			return err
		}
		k.evicted = !newer
	}
	return nil
}

func (k *keeper) highest() string { return k.items[0].version }

// sorted returns what was kept, lowest version first, each version once.
func (k *keeper) sorted() []kept {
	items := []kept(k.items)
	slices.SortFunc(items, func(a, b kept) int { return compare(a.version, b.version) })
	return slices.CompactFunc(items, func(a, b kept) bool { return a.version == b.version && a.holdsSame(b.packed) })
}

// byVersion is a heap with the newest version on top.
type byVersion []kept

func (h byVersion) Len() int           { return len(h) }
func (h byVersion) Less(i, j int) bool { return compare(h[i].version, h[j].version) > 0 }
func (h byVersion) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byVersion) Push(x any)        { *h = append(*h, x.(kept)) }
func (h *byVersion) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = kept{}
	*h = old[:len(old)-1]
	return last
}

// compare orders versions that after has accepted: shorter numbers are lower.
func compare(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
