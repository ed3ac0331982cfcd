package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/packetboat/packetboat/core/event"
)

// Memory is what a receiver knows from earlier runs: how often an event had
// happened when it was last counted, when a group was last told, which alerts
// are open. It is bounded: what was not seen for longest is forgotten first, and
// counted. It is not safe for concurrent use.
type Memory struct {
	counts *simplelru.LRU[uint64, int32]
	groups *simplelru.LRU[uint64, said]
	alerts *simplelru.LRU[string, int64] // by name, when it was last opened or repeated, Unix seconds
	notes  *Notes
	limits Limits
	// since: an event that was created later and is not in counts was never seen.
	since     time.Time
	forgotten int
	encoded   []byte // nil after a change
}

// said is when a group was told, and what has happened since.
type said struct {
	_       struct{} `cbor:",toarray"`
	At      int64    // Unix seconds
	Warning bool
	Held    int64 // occurrences that were held back since
}

// Limits bound a Memory; 0 asks for the default.
type Limits struct {
	Events int // default 2,000
	Groups int // default 500
	Alerts int // default 200
	Notes  int // default 500
	Bytes  int // of the encoded form, default 64 KiB
}

const (
	defaultEvents = 2000
	defaultGroups = 500
	defaultAlerts = 200
	defaultNotes  = 500
	defaultBytes  = 64 << 10
)

// stored is the encoded form: CBOR, the oldest entries first.
type stored struct {
	Version int           `cbor:"v"`
	Counts  []storedCount `cbor:"c,omitempty"`
	Groups  []storedGroup `cbor:"g,omitempty"`
	Alerts  []storedAlert `cbor:"a,omitempty"`
	Notes   []storedNote  `cbor:"n,omitempty"`
}

type storedNote struct {
	_    struct{} `cbor:",toarray"`
	Key  uint64
	Text string
}

type storedCount struct {
	_     struct{} `cbor:",toarray"`
	Event uint64
	Count int32
}

type storedGroup struct {
	_     struct{} `cbor:",toarray"`
	Group uint64
	Said  said
}

type storedAlert struct {
	_    struct{} `cbor:",toarray"`
	Name string
	At   int64
}

const version = 1

// Remember takes up what a cursor brought along. since is that cursor's time. A
// state that cannot be read is an error beside a Memory that begins anew: a
// digest that counts too little must not hold up the export.
func Remember(encoded []byte, since time.Time, limits Limits) (*Memory, error) {
	setDefault(&limits.Events, defaultEvents)
	setDefault(&limits.Groups, defaultGroups)
	setDefault(&limits.Alerts, defaultAlerts)
	setDefault(&limits.Bytes, defaultBytes)
	setDefault(&limits.Notes, defaultNotes)
	m := &Memory{limits: limits, since: since, notes: newNotes(limits.Notes)}
	m.counts, _ = simplelru.NewLRU[uint64, int32](limits.Events, nil)
	m.groups, _ = simplelru.NewLRU[uint64, said](limits.Groups, nil)
	m.alerts, _ = simplelru.NewLRU[string, int64](limits.Alerts, nil)
	if len(encoded) == 0 {
		return m, nil
	}
	var s stored
	if err := cbor.Unmarshal(encoded, &s); err != nil {
		return m, fmt.Errorf("read the receiver's memory: %w", err)
	}
	if s.Version != version {
		return m, fmt.Errorf("the receiver's memory has format %d, this program knows %d", s.Version, version)
	}
	for _, c := range s.Counts {
		m.counts.Add(c.Event, c.Count)
	}
	for _, g := range s.Groups {
		m.groups.Add(g.Group, g.Said)
	}
	for _, a := range s.Alerts {
		m.alerts.Add(a.Name, a.At)
	}
	m.notes.load(s.Notes)
	return m, nil
}

func setDefault(n *int, otherwise int) {
	if *n <= 0 {
		*n = otherwise
	}
}

// Count is how often the event happened since it was last counted, and counts
// it. Of an event that was not counted before that is all of it if it was created
// since, and else once: how much of it was told by whom is not known.
func (m *Memory) Count(ev *event.Event) int64 {
	m.encoded = nil
	id, now := hash(string(ev.UID)), ev.Occurrences()
	before, known := m.counts.Get(id)
	isNew := !ev.CreationTimestamp.Time.Before(m.since.Truncate(time.Second)) // creation times are whole seconds
	if m.counts.Add(id, now) {
		m.forgotten++
		m.forgetBefore(ev.CreationTimestamp.Add(time.Second))
	}
	switch {
	case known && now >= before:
		return int64(now - before)
	case known || isNew:
		return int64(now) // known: it was begun anew
	}
	return 1
}

// forgetBefore: what was forgotten must not count again in full when its next
// version comes.
func (m *Memory) forgetBefore(at time.Time) {
	if at.After(m.since) {
		m.since = at
	}
}

// Silent reports whether the group was told less than quiet ago and is no worse
// than it was then.
func (m *Memory) Silent(key string, warning bool, now time.Time, quiet time.Duration) bool {
	s, known := m.groups.Peek(hash(key))
	return known && quiet > 0 && now.Sub(time.Unix(s.At, 0)) < quiet && (s.Warning || !warning)
}

// Hold counts what is not told of a group.
func (m *Memory) Hold(key string, count int64) {
	m.encoded = nil
	id := hash(key)
	s, _ := m.groups.Peek(id)
	s.Held += count
	m.groups.Add(id, s)
}

// Say notes that a group is told now. It returns what was held back before.
func (m *Memory) Say(key string, warning bool, now time.Time) (held int64) {
	m.encoded = nil
	id := hash(key)
	s, _ := m.groups.Peek(id)
	if m.groups.Add(id, said{At: now.Unix(), Warning: warning}) {
		m.forgotten++
	}
	return s.Held
}

// Open notes that an alert was opened or repeated.
func (m *Memory) Open(alert string, now time.Time) {
	m.encoded = nil
	if m.alerts.Add(alert, now.Unix()) {
		m.forgotten++
	}
}

// Quiet are the alerts of which nothing came since the time given, with when
// they were last repeated.
func (m *Memory) Quiet(since time.Time) map[string]time.Time {
	quiet := map[string]time.Time{}
	for _, alert := range m.alerts.Keys() {
		if at, _ := m.alerts.Peek(alert); at < since.Unix() {
			quiet[alert] = time.Unix(at, 0).UTC()
		}
	}
	return quiet
}

// Notes are the sink's part. They may be used concurrently, beside all other
// methods.
func (m *Memory) Notes() *Notes { return m.notes }

// Close forgets an alert.
func (m *Memory) Close(alert string) {
	m.encoded = nil
	m.alerts.Remove(alert)
}

// Forgotten is how many entries had to go since the last call.
func (m *Memory) Forgotten() int {
	n := m.forgotten
	m.forgotten = 0
	return n
}

// Encode is what goes with the cursor. It forgets the oldest until it fits: a
// full memory never stops a commit.
func (m *Memory) Encode() []byte {
	if changed, forgot := m.notes.news(); changed {
		m.encoded = nil
		m.forgotten += forgot
	}
	for m.encoded == nil {
		b, err := cbor.Marshal(m.stored())
		if err != nil {
			return nil // no type in it can fail
		}
		if len(b) <= m.limits.Bytes || !m.shrink() {
			m.encoded = b
		}
	}
	return m.encoded
}

// shrink forgets a tenth of everything.
func (m *Memory) shrink() bool {
	before := m.forgotten
	m.forgotten += drop(m.counts) + drop(m.groups) + drop(m.alerts) + m.notes.drop()
	return m.forgotten > before
}

func drop[K comparable, V any](l *simplelru.LRU[K, V]) int {
	n := (l.Len() + 9) / 10
	for range n {
		l.RemoveOldest()
	}
	return n
}

func (m *Memory) stored() stored {
	s := stored{Version: version, Notes: m.notes.stored()}
	for _, id := range m.counts.Keys() {
		n, _ := m.counts.Peek(id)
		s.Counts = append(s.Counts, storedCount{Event: id, Count: n})
	}
	for _, id := range m.groups.Keys() {
		g, _ := m.groups.Peek(id)
		s.Groups = append(s.Groups, storedGroup{Group: id, Said: g})
	}
	for _, name := range m.alerts.Keys() {
		at, _ := m.alerts.Peek(name)
		s.Alerts = append(s.Alerts, storedAlert{Name: name, At: at})
	}
	return s
}

// hash stands for a text of any length. It is a cryptographic one, because who
// may create events could else choose a text that silences another group.
func hash(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(sum[:8])
}
