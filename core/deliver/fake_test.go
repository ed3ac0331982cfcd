package deliver

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// fakeSink is a service by script: answer is asked for every batch.
type fakeSink struct {
	limits sinks.Limits
	encode func(ev *event.Event) (sinks.Record, error)
	answer func(attempt int, ids []string) error

	mu       sync.Mutex
	attempts [][]string
	accepted []string
	sent     []sinks.Record // accepted too
}

func (s *fakeSink) Limits() sinks.Limits { return s.limits }

func (s *fakeSink) Encode(ev *event.Event) (sinks.Record, error) {
	if s.encode != nil {
		return s.encode(ev)
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: []byte(ev.Message)}, nil
}

func (s *fakeSink) Send(ctx context.Context, batch []sinks.Record) error {
	var ids []string
	for _, r := range batch {
		ids = append(ids, string(r.Event.UID))
	}
	s.mu.Lock()
	s.attempts = append(s.attempts, ids)
	n := len(s.attempts)
	s.mu.Unlock()
	var err error
	if s.answer != nil {
		err = s.answer(n, ids)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		s.mu.Lock()
		s.accepted = append(s.accepted, ids...)
		s.sent = append(s.sent, batch...)
		s.mu.Unlock()
	}
	return err
}

func (s *fakeSink) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.accepted)
}

func (s *fakeSink) Close(context.Context) error { return nil }

// letters keeps dead letters in memory; fail is asked before each is stored.
type letters struct {
	mu   sync.Mutex
	kept map[string]state.DeadLetter
	fail func() error
}

func (l *letters) Put(_ context.Context, d state.DeadLetter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		if err := l.fail(); err != nil {
			return err
		}
	}
	if l.kept == nil {
		l.kept = map[string]state.DeadLetter{}
	}
	l.kept[d.Key()] = d
	return nil
}

func (l *letters) All(context.Context) iter.Seq2[state.DeadLetter, error] { return nil }
func (l *letters) Delete(context.Context, string) error                   { return nil }

// page makes a parcel of events first..last, with last as its cursor.
func parcel(first, last int) Parcel {
	p := Parcel{Next: state.Cursor{ResourceVersion: strconv.Itoa(last)}}
	for i := first; i <= last; i++ {
		n := strconv.Itoa(i)
		p.Events = append(p.Events, &event.Event{Event: corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: "e" + n, UID: types.UID(n), ResourceVersion: n},
			Message:    "message " + n,
		}})
	}
	return p
}

func ids(first, last int) []string {
	var out []string
	for i := first; i <= last; i++ {
		out = append(out, strconv.Itoa(i))
	}
	return out
}

// outcome is what a delivery left behind.
type outcome struct {
	err     error
	cursors []string
	stats   Stats
}

func (o outcome) cursor() string {
	if len(o.cursors) == 0 {
		return ""
	}
	return o.cursors[len(o.cursors)-1]
}

// deliverAll delivers the parcels and checks that cursors only go forward.
func deliverAll(t *testing.T, o Options, parcels ...Parcel) outcome {
	t.Helper()
	return deliverWith(t.Context(), t, o, func() error { return nil }, parcels...)
}

func deliverWith(ctx context.Context, t *testing.T, o Options, mayWeSend func() error, parcels ...Parcel) outcome {
	t.Helper()
	o.Name = "x"
	in := make(chan Parcel, len(parcels))
	for _, p := range parcels {
		in <- p
	}
	close(in)
	r := New(o)
	var out outcome
	out.err = r.Deliver(ctx, state.Cursor{}, in, mayWeSend, func(c state.Cursor) { out.cursors = append(out.cursors, c.ResourceVersion) })
	out.stats = r.Stats()
	last := 0
	for _, c := range out.cursors {
		n, err := strconv.Atoi(c)
		require.NoError(t, err)
		require.Greater(t, n, last, "cursors %v", out.cursors)
		last = n
	}
	return out
}

func fast() Retry { return Retry{Budget: time.Minute, Initial: time.Second, Max: 4 * time.Second} }

var errDown = fmt.Errorf("service is down")
