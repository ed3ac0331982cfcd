package digest

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// Field is a part of what the events of a group have in common.
type Field struct {
	Name  string
	Value func(ev *event.Event) (string, error)
}

// Options say what a digest looks like.
type Options struct {
	By       []Field
	PerGroup bool          // a message for each group, not one for all
	Top      int           // groups that are told by name, or messages, default 10
	Suppress time.Duration // how long a group that was told is not told again, 0 for no time
}

const (
	defaultTop = 10
	// fullGroups is how many groups a window may hold: a digest of more is no help,
	// and each of them holds an event.
	fullGroups = 2000
	// countedObjects is how many objects of one group are told apart.
	countedObjects = 1000
)

// Window gathers events until they are told. It is not safe for concurrent use.
type Window struct {
	options Options
	memory  *Memory
	groups  map[string]*group
	cluster string
	events  int
}

type group struct {
	sinks.Group
	first   string // ID of its first event
	events  int
	order   int // of its first event
	objects map[types.UID]bool
}

// NewWindow makes a Window that counts with memory.
func NewWindow(o Options, memory *Memory) *Window {
	setDefault(&o.Top, defaultTop)
	return &Window{options: o, memory: memory, groups: map[string]*group{}}
}

// Add puts an event into its group. An error means that it has none.
func (w *Window) Add(ev *event.Event) error {
	key, by, err := Key(w.options.By, ev)
	if err != nil {
		return err
	}
	n := w.memory.Count(ev)
	w.events++
	w.cluster = ev.ClusterName
	if n == 0 {
		return nil // another version that says nothing new
	}
	g := w.groups[key]
	if g == nil {
		g = &group{Group: sinks.Group{Key: key, By: by}, first: ev.ID(), order: w.events, objects: map[types.UID]bool{}}
		w.groups[key] = g
	}
	g.add(ev, n)
	return nil
}

func (g *group) add(ev *event.Event, n int64) {
	g.Count += n
	g.events++
	g.Warning = g.Warning || Warning(ev)
	if len(g.objects) < countedObjects {
		g.objects[ev.InvolvedObject.UID] = true
	}
	at := ev.Time()
	from := at
	if n == int64(ev.Occurrences()) && !ev.FirstTimestamp.IsZero() {
		from = ev.FirstTimestamp.UTC() // all of it is new
	}
	if g.First.IsZero() || from.Before(g.First) {
		g.First = from
	}
	if !at.Before(g.Last) {
		g.Last, g.Newest = at, ev
	}
}

// Warning reports whether an event is one that somebody may have to act on.
func Warning(ev *event.Event) bool { return ev.Type != "Normal" }

// Key names the group of an event. It is the same in every run.
func Key(fields []Field, ev *event.Event) (string, []sinks.GroupField, error) {
	by := make([]sinks.GroupField, len(fields))
	sum := sha256.New()
	for i, f := range fields {
		value, err := f.Value(ev)
		if err != nil {
			return "", nil, fmt.Errorf("group by %s: %w", f.Name, err)
		}
		by[i] = sinks.GroupField{Name: f.Name, Value: value}
		// With its length, so that no value can pretend to be two.
		sum.Write(binary.AppendUvarint(nil, uint64(len(value))))
		sum.Write([]byte(value))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), by, nil
}

// Full reports whether the window must be told before it takes more.
func (w *Window) Full() bool { return len(w.groups) >= fullGroups }

// Events is how many events are in the window.
func (w *Window) Events() int { return w.events }

// Tell empties the window: the messages to be sent, the most urgent first, and
// how many events are held back. What is told is noted in the memory.
func (w *Window) Tell(now time.Time) (messages []*sinks.Digest, suppressed int) {
	var groups []*group
	for key, g := range w.groups {
		if w.memory.Silent(key, g.Warning, now, w.options.Suppress) {
			w.memory.Hold(key, g.Count)
			suppressed += g.events
			continue
		}
		g.Objects = len(g.objects)
		groups = append(groups, g)
	}
	slices.SortFunc(groups, urgency)
	if len(groups) > 0 {
		messages = w.messages(groups, now)
	}
	w.groups, w.events = map[string]*group{}, 0
	return messages, suppressed
}

// urgency puts warnings first, then what happened most, then what came first.
func urgency(a, b *group) int {
	if a.Warning != b.Warning {
		if a.Warning {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.order, b.order))
}

func (w *Window) messages(groups []*group, now time.Time) []*sinks.Digest {
	named, rest := groups[:min(w.options.Top, len(groups))], groups[min(w.options.Top, len(groups)):]
	for _, g := range named {
		// What is only in "and 37 more" was not told: it may be, the next time.
		g.Suppressed = w.memory.Say(g.Key, g.Warning, now)
	}
	if !w.options.PerGroup {
		return []*sinks.Digest{w.message(groups, named, rest)}
	}
	var messages []*sinks.Digest
	for _, g := range named {
		messages = append(messages, w.message([]*group{g}, []*group{g}, nil))
	}
	if len(rest) > 0 {
		messages = append(messages, w.message(rest, nil, rest))
	}
	return messages
}

// message is a digest of all, which are named or the rest.
func (w *Window) message(all, named, rest []*group) *sinks.Digest {
	d := &sinks.Digest{Cluster: w.cluster, MoreGroups: len(rest)}
	first := slices.MinFunc(all, func(a, b *group) int { return cmp.Compare(a.order, b.order) })
	d.ID = "digest-" + first.first
	if w.options.PerGroup && named != nil {
		d.ID = "digest-" + first.Key + "-" + first.first
	}
	for _, g := range all {
		d.Count += g.Count
		if d.First.IsZero() || g.First.Before(d.First) {
			d.First = g.First
		}
		if d.Newest == nil || g.Last.After(d.Last) {
			d.Last, d.Newest = g.Last, g.Newest
		}
	}
	for _, g := range named {
		d.Groups = append(d.Groups, g.Group)
	}
	for _, g := range rest {
		d.MoreCount += g.Count
	}
	return d
}
