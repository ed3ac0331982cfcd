package soak

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A history is every version of every event that is known to have been written:
// from the API server's answers to the writer, and from the recorder's watch.
type history struct {
	mu      sync.Mutex
	objects map[string]*object // by UID
	head    uint64             // the newest version
}

// object is one event with its versions.
type object struct {
	seen    map[uint64]time.Time // when a version became known
	gone    time.Time            // when it was deleted or expired, zero while it lives
	deleted bool                 // by the writer, or it has tried to
	marker  bool                 // packetboat's own, which is not exported
}

func newHistory() *history { return &history{objects: map[string]*object{}} }

// wrote notes a version. That it is known already changes nothing.
func (h *history) wrote(uid string, version uint64, marker bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.object(uid)
	o.marker = o.marker || marker
	if o.seen[version].IsZero() {
		o.seen[version] = time.Now()
	}
	h.head = max(h.head, version)
}

// ended notes that an event is gone, and if version is not 0 with which version.
func (h *history) ended(uid string, version uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o := h.object(uid); o.gone.IsZero() {
		o.gone = time.Now()
	}
	h.head = max(h.head, version)
}

// deletes notes that the writer deletes an event, whatever the answer will be.
func (h *history) deletes(uid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.object(uid).deleted = true
}

func (h *history) object(uid string) *object {
	o := h.objects[uid]
	if o == nil {
		o = &object{seen: map[uint64]time.Time{}}
		h.objects[uid] = o
	}
	return o
}

// newest is the newest version that is known.
func (h *history) newest() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.head
}

// living are the events that are not known to be gone.
func (h *history) living() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var uids []string
	for uid, o := range h.objects {
		if o.gone.IsZero() {
			uids = append(uids, uid)
		}
	}
	return uids
}

// copy is all that is known at this moment, for the judge.
func (h *history) copy() map[string]object {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make(map[string]object, len(h.objects))
	for uid, o := range h.objects {
		one := *o
		one.seen = maps.Clone(o.seen)
		all[uid] = one
	}
	return all
}

// versions are an event's, oldest first.
func (o object) versions() []uint64 { return slices.Sorted(maps.Keys(o.seen)) }

// identity is the ID under which a version must arrive.
func identity(uid string, version uint64) string {
	return uid + "." + strconv.FormatUint(version, 10)
}

// eventLine is what the writer, the recorder and the receivers need of an
// event's JSON.
type eventLine struct {
	Metadata struct {
		UID             string `json:"uid"`
		ResourceVersion string `json:"resourceVersion"`
	} `json:"metadata"`
	Source struct {
		Component string `json:"component"`
	} `json:"source"`
}

func (e eventLine) version() (uint64, error) {
	version, err := strconv.ParseUint(e.Metadata.ResourceVersion, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read version of event %s: %w", e.Metadata.UID, err)
	}
	return version, nil
}

func (e eventLine) isMarker() bool { return e.Source.Component == "packetboat" }
