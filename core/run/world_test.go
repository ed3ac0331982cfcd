package run

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/mem"
)

// world is what outlives a run: a cluster, a checkpoint, services. Tests break
// it at chosen places; a run that is "killed" changes nothing any more.
type world struct {
	t       *testing.T
	cluster string
	events  []*event.Event // by version
	storage *mem.Storage

	mu     sync.Mutex
	got    map[string]map[string]int // receiver, event ID: how often
	dead   bool                      // the present process was killed
	fault  func(step string) (apply bool, err error)
	hold   map[string]chan struct{} // receivers that answer only when it is closed
	poison string                   // name of an event that no receiver can take
}

var (
	errBroken = errors.New("broken")
	errKilled = errors.New("killed")
)

func newWorld(t *testing.T, events int) *world {
	w := &world{
		t: t, cluster: "cluster-a", storage: &mem.Storage{},
		got: map[string]map[string]int{}, hold: map[string]chan struct{}{},
	}
	w.add(events)
	return w
}

// add appends events, each at the next version.
func (w *world) add(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range n {
		v := strconv.Itoa(len(w.events) + 1)
		w.events = append(w.events, &event.Event{Event: corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: "e" + v, UID: types.UID("uid-" + v), ResourceVersion: v, CreationTimestamp: metav1.Now()},
		}})
	}
}

// at decides a step's fate: whether it happens and what its caller is told.
func (w *world) at(step string) (apply bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return false, errKilled
	}
	if w.fault != nil {
		return w.fault(step)
	}
	return true, nil
}

func (w *world) store() state.Store {
	return mem.Open(w.storage, func(op mem.Op, _ state.Checkpoint) (bool, error) { return w.at(string(op)) })
}

func (w *world) Position(context.Context) (source.Position, error) {
	if apply, err := w.at("position"); err != nil || !apply {
		return source.Position{}, err
	}
	return source.Position{Cluster: w.cluster, Cursor: w.cursor(len(w.events)), Retained: int64(len(w.events))}, nil
}

func (w *world) cursor(version int) state.Cursor {
	return state.Cursor{ResourceVersion: strconv.Itoa(version), ReadAt: time.Now().UTC()}
}

// Since hands out pages of three events and ends with one that is empty.
func (w *world) Since(ctx context.Context, from state.Cursor) iter.Seq2[source.Page, error] {
	return func(yield func(source.Page, error) bool) {
		first, _ := strconv.Atoi(from.ResourceVersion)
		w.mu.Lock()
		events := w.events
		w.mu.Unlock()
		last := len(events)
		for first < last {
			if _, err := w.at("read"); err != nil || ctx.Err() != nil {
				yield(source.Page{}, errors.Join(err, ctx.Err()))
				return
			}
			next := min(first+3, last)
			if !yield(source.Page{Events: events[first:next], Next: w.cursor(next)}, nil) {
				return
			}
			first = next
		}
		yield(source.Page{Next: w.cursor(last)}, nil)
	}
}

// Follow hands out what is there and then looks for more, ten times a second.
func (w *world) Follow(ctx context.Context, from state.Cursor) iter.Seq2[source.Page, error] {
	return func(yield func(source.Page, error) bool) {
		for {
			for page, err := range w.Since(ctx, from) {
				if page.Read = source.Following; !yield(page, err) || err != nil {
					return
				}
				from = page.Next
			}
			sleep(ctx, 100*time.Millisecond)
			if ctx.Err() != nil {
				yield(source.Page{}, context.Cause(ctx))
				return
			}
		}
	}
}

// service is one receiver's destination.
type service struct {
	world  *world
	name   string
	refuse func() error // asked before each Send, may be nil
}

func (s *service) Limits() sinks.Limits { return sinks.Limits{} }

func (s *service) Encode(ev *event.Event) (sinks.Record, error) {
	if ev.Name == s.world.poison {
		return sinks.Record{}, errors.New("not this one")
	}
	return sinks.Record{ID: ev.ID(), Event: ev}, nil
}

func (s *service) Send(ctx context.Context, batch []sinks.Record) error {
	if hold := s.world.hold[s.name]; hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.refuse != nil {
		if err := s.refuse(); err != nil {
			return err
		}
	}
	time.Sleep(time.Millisecond) // whoever commits too early gets the time to do it
	apply, err := s.world.at("send")
	if apply {
		for _, r := range batch {
			s.world.arrived(s.name, r.ID)
		}
	}
	return err
}

func (w *world) arrived(receiver, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.got[receiver] == nil {
		w.got[receiver] = map[string]int{}
	}
	w.got[receiver][id]++
}

// letters is where a receiver's dead letters go. Arriving there settles an event
// as well as arriving at the service.
type letters struct {
	world *world
	name  string
}

func (l *letters) Put(_ context.Context, d state.DeadLetter) error {
	time.Sleep(time.Millisecond)
	apply, err := l.world.at("deadletter")
	if apply {
		l.world.arrived(l.name, d.ID)
	}
	return err
}

func (l *letters) All(context.Context) iter.Seq2[state.DeadLetter, error] { return nil }
func (l *letters) Delete(context.Context, string) error                   { return nil }

func (s *service) Close(context.Context) error { return nil }

// everyone routes every event to every receiver.
type everyone int

func (n everyone) Route(_ *event.Event, dst []int) []int {
	for i := range int(n) {
		dst = append(dst, i)
	}
	return dst
}

// job makes a new process's job for these receivers.
func (w *world) job(names ...string) *Job {
	w.mu.Lock()
	w.dead = false
	w.mu.Unlock()
	j := &Job{
		Source: w, Again: w, Router: everyone(len(names)), Store: w.store(), EventTTL: time.Hour, ReadMode: "test",
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Holder: fmt.Sprintf("run-%d", time.Now().UnixNano()),
	}
	for _, name := range names {
		j.Receivers = append(j.Receivers, Receiver{
			Name: name, Start: sinks.Oldest,
			Deliver: deliver.New(deliver.Options{
				Name: name, Sink: &service{world: w, name: name}, DeadLetters: &letters{w, name}, Batch: deliver.Batch{Records: 2},
				Retry: deliver.Retry{Budget: 5 * time.Second, Initial: time.Second, Max: time.Second},
			}),
		})
	}
	return j
}

func (w *world) phases() Phases {
	ctx := w.t.Context()
	return Phases{Read: ctx, Send: ctx, Commit: ctx}
}

// checkpoint is what is stored now.
func (w *world) checkpoint() state.Checkpoint {
	c, err := state.Decode(w.storage.Raw())
	require.NoError(w.t, err)
	return c
}

func (w *world) stored(receiver string) string {
	return w.checkpoint().Clusters[w.cluster][receiver].ResourceVersion
}

// requireAll: every event arrived, none under an ID that is not its own.
func (w *world) requireAll(receiver string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ev := range w.events {
		require.Contains(w.t, w.got[receiver], ev.ID(), receiver)
	}
	require.Len(w.t, w.got[receiver], len(w.events))
}

// requireOwed is the invariant: what the checkpoint has passed has arrived.
func (w *world) requireInvariant() {
	w.t.Helper()
	if w.storage.Raw() == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for receiver, cursor := range w.checkpoint().Clusters[w.cluster] {
		passed, _ := strconv.Atoi(cursor.ResourceVersion)
		for _, ev := range w.events[:passed] {
			require.Contains(w.t, w.got[receiver], ev.ID(), "the checkpoint has passed an event owed to %s", receiver)
		}
	}
}
