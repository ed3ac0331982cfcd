package deliver

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// What a group said once is held back, in this page and in the next runs, and no
// cursor waits for it.
func TestWhatWasToldIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		options := Options{Sink: b, Suppress: Suppress{For: time.Hour, By: byReason()}}
		r := New(options)
		cursor, err := deliverFrom(t, r, state.Cursor{ResourceVersion: "1"}, page(2, 4, "BackOff"), page(5, 5, "Failed"))
		require.NoError(t, err)
		assert.Equal(t, "5", cursor.ResourceVersion)
		assert.Equal(t, ids(2, 2), b.got()[:1])
		assert.Equal(t, []string{"2", "5"}, b.got())
		assert.Equal(t, []int64{2, 2, 4}, []int64{r.Stats().Delivered, r.Stats().Suppressed, r.Stats().Settled})

		time.Sleep(59 * time.Minute)
		cursor, err = deliverFrom(t, New(options), cursor, page(6, 8, "BackOff"), page(9, 9, "Failed"))
		require.NoError(t, err)
		assert.Equal(t, "9", cursor.ResourceVersion)
		assert.Len(t, b.got(), 2, "the next run knows")
		time.Sleep(time.Minute)
		_, err = deliverFrom(t, New(options), cursor, page(10, 10, "BackOff"))
		require.NoError(t, err)
		assert.Equal(t, []string{"2", "5", "10"}, b.got())
	})
}

// The memory of a page goes with its end only: a run that dies within the page
// has told some of it, and the next must not hold back what was not sent.
func TestNothingIsHeldBackForWhatWasNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		b.answer = func(attempt int, _ []string) error {
			if attempt > 1 {
				return errDown
			}
			return nil
		}
		options := Options{Sink: b, Retry: fast(), Batch: Batch{Records: 1}, Suppress: Suppress{For: time.Hour, By: byReason()}}
		p := page(2, 4, "")
		for i, ev := range p.Events {
			ev.Reason = "R" + strconv.Itoa(i)
		}
		cursor, err := deliverFrom(t, New(options), state.Cursor{ResourceVersion: "1"}, p)
		require.ErrorIs(t, err, errDown)
		assert.Equal(t, "2", cursor.ResourceVersion)

		b.answer = nil
		p.Events = p.Events[1:]
		cursor, err = deliverFrom(t, New(options), cursor, p)
		require.NoError(t, err)
		assert.Equal(t, "4", cursor.ResourceVersion)
		assert.Equal(t, []string{"2", "3", "4"}, b.got())
	})
}

func TestAlertsEndWhenNothingComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		options := Options{Sink: b, AutoClose: 30 * time.Minute}
		cursor, err := deliverFrom(t, New(options), state.Cursor{ResourceVersion: "1"}, page(2, 2, "BackOff"), page(3, 3, "Failed"))
		require.NoError(t, err)
		time.Sleep(20 * time.Minute)
		cursor, err = deliverFrom(t, New(options), cursor, page(4, 4, "BackOff"))
		require.NoError(t, err)
		time.Sleep(20 * time.Minute)
		cursor, err = deliverFrom(t, New(options), cursor, page(5, 4, ""))
		require.NoError(t, err)
		assert.Equal(t, []string{"", "", "", "end of Failed"}, bodies(b))
		_, err = deliverFrom(t, New(options), cursor, page(5, 4, ""))
		require.NoError(t, err)
		assert.Len(t, bodies(b), 4, "once")
	})
}

func TestAnAlertThatCannotBeEndedStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		options := Options{Sink: b, Retry: fast(), AutoClose: time.Minute}
		cursor, err := deliverFrom(t, New(options), state.Cursor{ResourceVersion: "1"}, page(2, 2, "BackOff"))
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		b.answer = func(int, []string) error { return errDown }
		after, err := deliverFrom(t, New(options), cursor, page(3, 2, ""))
		require.ErrorIs(t, err, errDown)
		b.answer = nil
		_, err = deliverFrom(t, New(options), after, page(3, 2, ""))
		require.NoError(t, err)
		assert.Contains(t, bodies(b), "end of BackOff")
	})
}

// forum is a sink that notes where a conversation about a reason began.
type forum struct {
	fakeSink
	notes   sinks.Notes
	replies []string
}

func (f *forum) KeepsNotes() bool       { return true }
func (f *forum) UseNotes(n sinks.Notes) { f.notes = n }
func (f *forum) Send(ctx context.Context, batch []sinks.Record) error {
	for _, r := range batch {
		first, _ := f.notes.Get(r.Event.Reason)
		f.replies = append(f.replies, first)
		if first == "" {
			f.notes.Add(r.Event.Reason, r.ID)
		}
	}
	return f.fakeSink.Send(ctx, batch)
}

func TestNotesGoOnInTheNextRun(t *testing.T) {
	f := &forum{}
	options := Options{Sink: f, Batch: Batch{Records: 1}}
	cursor, err := deliverFrom(t, New(options), state.Cursor{ResourceVersion: "1"}, page(2, 3, "BackOff"))
	require.NoError(t, err)
	assert.Equal(t, []string{"", "2.2"}, f.replies)
	cursor, err = deliverFrom(t, New(options), cursor, page(4, 4, "BackOff"), page(5, 5, "Failed"))
	require.NoError(t, err)
	f.notes.Remove("Failed")
	_, err = deliverFrom(t, New(options), cursor, page(6, 6, "Failed"))
	require.NoError(t, err)
	assert.Equal(t, []string{"", "2.2", "2.2", "", "5.5"}, f.replies, "what was removed after the run's end was not handed over")
}

func TestInAWatchNotesAreHandedOverNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := make(chan Parcel)
		var newest atomic.Pointer[state.Cursor]
		done := make(chan error)
		go func() {
			done <- New(Options{Sink: &forum{}}).Deliver(t.Context(), state.Cursor{ResourceVersion: "1"}, in, func() error { return nil },
				func(c state.Cursor) { newest.Store(&c) })
		}()
		in <- page(2, 2, "BackOff")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		before := newest.Load()
		require.Equal(t, "2", before.ResourceVersion)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, "2", newest.Load().ResourceVersion)
		assert.NotEqual(t, before.State, newest.Load().State)
		close(in)
		require.NoError(t, <-done)
	})
}
