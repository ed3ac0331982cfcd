package deliver

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/core/digest"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// board is a sink for people: it keeps what it was told.
type board struct {
	fakeSink
}

func newBoard() *board {
	b := &board{}
	b.encode = func(ev *event.Event) (sinks.Record, error) {
		return sinks.Record{ID: ev.ID(), Event: ev, Alert: ev.Reason}, nil
	}
	return b
}

func (b *board) EncodeDigest(d *sinks.Digest) (sinks.Record, error) {
	text := fmt.Sprintf("%s: %d", d.ID, d.Count)
	return sinks.Record{ID: d.ID, Body: []byte(text), Alert: d.ID}, nil
}

func (b *board) EncodeResolve(alert string, _ time.Time) (sinks.Record, error) {
	return sinks.Record{ID: "end-" + alert, Event: &event.Event{}, Body: []byte("end of " + alert)}, nil
}

// byReason groups by the reason, which an event "broken" does not have.
func byReason() []digest.Field {
	return []digest.Field{{Name: "reason", Value: func(ev *event.Event) (string, error) {
		if ev.Reason == "broken" {
			return "", errors.New("no reason")
		}
		return ev.Reason, nil
	}}}
}

// page makes a parcel of versions first..last of events that all say the same.
func page(first, last int, reason string) Parcel {
	p := parcel(first, last)
	p.Next.ReadAt = time.Now()
	for _, ev := range p.Events {
		ev.Reason, ev.Type, ev.Count = reason, "Warning", 1
		ev.CreationTimestamp, ev.LastTimestamp = metav1.Now(), metav1.Now()
	}
	return p
}

// deliverFrom delivers parcels and returns the last cursor that was handed over.
func deliverFrom(t *testing.T, r *Receiver, from state.Cursor, parcels ...Parcel) (state.Cursor, error) {
	t.Helper()
	in := make(chan Parcel, len(parcels))
	for _, p := range parcels {
		in <- p
	}
	close(in)
	err := r.Deliver(t.Context(), from, in, func() error { return nil }, func(c state.Cursor) { from = c })
	return from, err
}

func bodies(b *board) (texts []string) {
	for _, a := range b.sent {
		texts = append(texts, string(a.Body))
	}
	return texts
}

func TestOneDigestForARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		r := New(Options{Sink: b, Digest: &Digest{Options: digest.Options{By: byReason()}}})
		from := state.Cursor{ResourceVersion: "1", ReadAt: time.Now()}
		cursor, err := deliverFrom(t, r, from, page(2, 4, "BackOff"), page(5, 9, "BackOff"))
		require.NoError(t, err)
		assert.Equal(t, "9", cursor.ResourceVersion)
		assert.Equal(t, []string{"digest-2.2: 8"}, bodies(b))
		stats := r.Stats()
		assert.Equal(t, []int64{1, 8, 8, 0}, []int64{stats.Delivered, stats.Grouped, stats.Settled, stats.Suppressed})
		assert.NotEmpty(t, cursor.State)
	})
}

// If the run dies between the send and the commit, the next one says the same
// again, perhaps with more in it, under the same ID; the totals stay right.
func TestADigestThatWasNotCommittedIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		options := Options{Sink: b, Digest: &Digest{Options: digest.Options{By: byReason()}}}
		from := state.Cursor{ResourceVersion: "1", ReadAt: time.Now()}
		_, err := deliverFrom(t, New(options), from, page(2, 4, "BackOff")) // its cursor is lost
		require.NoError(t, err)
		cursor, err := deliverFrom(t, New(options), from, page(2, 4, "BackOff"), page(5, 6, "BackOff"))
		require.NoError(t, err)
		_, err = deliverFrom(t, New(options), cursor, page(7, 7, "BackOff"))
		require.NoError(t, err)
		assert.Equal(t, []string{"digest-2.2: 3", "digest-2.2: 5", "digest-7.7: 1"}, bodies(b))
	})
}

func TestNoCursorPassesADigestThatIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		b.answer = func(int, []string) error { return errDown }
		r := New(Options{Sink: b, Retry: fast(), Digest: &Digest{Options: digest.Options{By: byReason()}}})
		from := state.Cursor{ResourceVersion: "1", ReadAt: time.Now()}
		cursor, err := deliverFrom(t, r, from, page(2, 4, "BackOff"))
		require.ErrorIs(t, err, errDown)
		assert.Equal(t, from, cursor)
		assert.Zero(t, r.Stats().Settled)
		assert.Zero(t, r.Stats().Grouped)

		b.answer = nil
		cursor, err = deliverFrom(t, r, cursor, page(2, 4, "BackOff"))
		require.NoError(t, err)
		assert.Equal(t, "4", cursor.ResourceVersion)
		assert.Equal(t, []string{"digest-2.2: 3"}, bodies(b), "the count is that of the events, not of the attempts")
	})
}

func TestInAWatchTheDigestComesEverySoOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		r := New(Options{Sink: b, Digest: &Digest{Every: time.Minute, Options: digest.Options{By: byReason()}}})
		in := make(chan Parcel)
		handed := make(chan string, 10)
		cursors := func() (all []string) {
			for {
				synctest.Wait()
				select {
				case c := <-handed:
					all = append(all, c)
				default:
					return all
				}
			}
		}
		done := make(chan error)
		go func() {
			done <- r.Deliver(t.Context(), state.Cursor{ResourceVersion: "1", ReadAt: time.Now()}, in, func() error { return nil },
				func(c state.Cursor) { handed <- c.ResourceVersion })
		}()
		in <- page(2, 4, "BackOff")
		time.Sleep(59 * time.Second)
		in <- page(5, 6, "BackOff")
		assert.Empty(t, cursors(), "all of it is owed")
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"6"}, cursors())
		time.Sleep(10 * time.Minute)
		assert.Empty(t, cursors(), "nothing new, nothing to commit")
		in <- page(7, 7, "BackOff")
		close(in)
		require.NoError(t, <-done)
		assert.Equal(t, []string{"7"}, cursors())
		assert.Equal(t, []string{"digest-2.2: 5", "digest-7.7: 1"}, bodies(b))
	})
}

// A cursor of this delivery's beginning may be of a history that was rewritten
// meanwhile: it is not handed over, whatever the memory says.
func TestWithoutAPageThereIsNoCursor(t *testing.T) {
	b := newBoard()
	r := New(Options{Sink: b, AutoClose: time.Nanosecond, Digest: &Digest{Options: digest.Options{By: byReason()}}})
	in := make(chan Parcel)
	close(in)
	require.NoError(t, r.Deliver(t.Context(), state.Cursor{ResourceVersion: "7"}, in, func() error { return nil },
		func(c state.Cursor) { t.Errorf("handed over %v", c) }))
}

func TestAnEventWithoutAGroupIsADeadLetter(t *testing.T) {
	b, kept := newBoard(), &letters{}
	r := New(Options{Sink: b, DeadLetters: kept, Digest: &Digest{Options: digest.Options{By: byReason()}}})
	p := page(2, 4, "BackOff")
	p.Events[1].Reason = "broken"
	cursor, err := deliverFrom(t, r, state.Cursor{ResourceVersion: "1"}, p)
	require.NoError(t, err)
	assert.Equal(t, "4", cursor.ResourceVersion)
	assert.Len(t, kept.kept, 1)
	assert.EqualValues(t, 3, r.Stats().Settled)
	assert.EqualValues(t, 1, r.Stats().DeadLettered)
}

func TestARefusedDigestIsADeadLetter(t *testing.T) {
	b, kept := newBoard(), &letters{}
	b.answer = func(int, []string) error { return sinks.Permanent(errors.New("too many blocks")) }
	r := New(Options{Sink: b, DeadLetters: kept, Digest: &Digest{Options: digest.Options{By: byReason()}}})
	cursor, err := deliverFrom(t, r, state.Cursor{ResourceVersion: "1", ReadAt: time.Now()}, page(2, 4, "BackOff"))
	require.NoError(t, err)
	assert.Equal(t, "4", cursor.ResourceVersion)
	require.Len(t, kept.kept, 1)
	for _, letter := range kept.kept {
		assert.Equal(t, "digest-2.2: 3", string(letter.Body))
		assert.Contains(t, string(letter.Event), `"reason":"BackOff"`)
	}
}

// If we crash before the dead letter is stored, the digest is owed.
func TestARefusedDigestStaysOwedUntilItsDeadLetterIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		b.answer = func(int, []string) error { return sinks.Permanent(errors.New("too many blocks")) }
		kept := &letters{fail: func() error { return errDown }}
		r := New(Options{Sink: b, DeadLetters: kept, Retry: fast(), Digest: &Digest{Options: digest.Options{By: byReason()}}})
		cursor, err := deliverFrom(t, r, state.Cursor{ResourceVersion: "1", ReadAt: time.Now()}, page(2, 4, "BackOff"))
		require.ErrorIs(t, err, errDown)
		assert.Equal(t, "1", cursor.ResourceVersion)
	})
}
