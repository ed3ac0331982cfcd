package app

import (
	"sync"
	"unicode/utf8"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/entrypoints/app/web"
)

const (
	recentEvents  = 100
	recentBytes   = 1 << 20 // of memory, about
	recentMessage = 300     // bytes that are shown in the list
)

// recent is a Router that remembers what it routed last, for the status page. It
// is on every event's way, so that it only notes; texts are made when the page
// asks. It may be used concurrently.
type recent struct {
	run.Router
	receivers []string // by the Router's indexes

	mu    sync.Mutex
	ring  [recentEvents]routed
	next  int // where the next one goes; what stands there is the oldest
	bytes int
}

// routed is an event and who got it. Events are immutable, so that it is no copy.
type routed struct {
	ev    *event.Event // nil for none
	to    []int
	bytes int
}

func newRecent(router run.Router, receivers []string) *recent {
	return &recent{Router: router, receivers: receivers}
}

// Route is the Router's.
func (r *recent) Route(ev *event.Event, dst []int) []int {
	before := len(dst)
	dst = r.Router.Route(ev, dst)
	r.note(ev, dst[before:])
	return dst
}

func (r *recent) note(ev *event.Event, to []int) {
	size := sizeOf(ev)
	if size > recentBytes {
		return // it alone would push all others out
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(r.next)
	for oldest := r.next + 1; r.bytes+size > recentBytes; oldest++ {
		r.forget(oldest % recentEvents)
	}
	slot := &r.ring[r.next]
	slot.ev, slot.bytes, slot.to = ev, size, append(slot.to[:0], to...)
	r.bytes += size
	r.next = (r.next + 1) % recentEvents
}

func (r *recent) forget(i int) {
	r.bytes -= r.ring[i].bytes
	r.ring[i].ev, r.ring[i].bytes = nil, 0
}

// find returns a remembered event, nil if it is forgotten.
func (r *recent) find(id string) *event.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.ring {
		if ev := r.ring[i].ev; ev != nil && ev.ID() == id {
			return ev
		}
	}
	return nil
}

// list is the newest first. An event that was read again, for a receiver that
// fell behind, is there once.
func (r *recent) list() []web.Recent {
	r.mu.Lock()
	defer r.mu.Unlock()
	list, seen := make([]web.Recent, 0, recentEvents), map[string]bool{}
	for i := range r.ring {
		slot := &r.ring[(r.next-1-i+2*recentEvents)%recentEvents]
		if slot.ev == nil || seen[slot.ev.ID()] {
			continue
		}
		seen[slot.ev.ID()] = true
		list = append(list, r.shown(slot))
	}
	return list
}

func (r *recent) shown(slot *routed) web.Recent {
	ev := slot.ev
	shown := web.Recent{
		ID: ev.ID(), Time: ev.Time(),
		Kind: short(ev.InvolvedObject.Kind), Namespace: short(ev.InvolvedObject.Namespace), Name: short(ev.InvolvedObject.Name),
		Reason: short(ev.Reason), Type: short(ev.Type), Message: short(ev.Message), Receivers: []string{},
	}
	for _, i := range slot.to {
		shown.Receivers = append(shown.Receivers, r.receivers[i])
	}
	return shown
}

// short cuts a text for reading: of most, the API server bounds only the whole.
func short(s string) string {
	if len(s) <= recentMessage {
		return s
	}
	end := recentMessage
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// sizeOf is about the memory that an event holds: its struct and what can be
// long in it.
func sizeOf(ev *event.Event) int {
	object := &ev.InvolvedObject
	size := 2<<10 + len(ev.Message) + len(ev.Reason) + len(ev.Action) + len(object.Kind) + len(object.Name) + len(object.FieldPath)
	for _, m := range []map[string]string{ev.Labels, ev.Annotations, object.Labels, object.Annotations} {
		for key, value := range m {
			size += len(key) + len(value)
		}
	}
	return size
}
