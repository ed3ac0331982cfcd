package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

func TestBatchesSpanPagesAndKeepTheOrder(t *testing.T) {
	s := &fakeSink{}
	out := deliverAll(t, Options{Sink: s, Batch: Batch{Records: 4}}, parcel(1, 3), parcel(4, 6), parcel(7, 7), Parcel{Next: parcel(9, 9).Next})
	require.NoError(t, out.err)
	assert.Equal(t, [][]string{ids(1, 4), ids(5, 7)}, s.attempts)
	assert.Equal(t, "9", out.cursor())
	assert.Equal(t, int64(7), out.stats.Delivered)
	assert.Equal(t, int64(2), out.stats.Attempts)
}

func TestBatchBounds(t *testing.T) {
	for name, test := range map[string]struct {
		batch  Batch
		limits sinks.Limits
		want   []int
	}{
		"sink's records":             {limits: sinks.Limits{Records: 2}, want: []int{2, 2, 1}},
		"configured below the limit": {batch: Batch{Records: 1}, limits: sinks.Limits{Records: 3}, want: []int{1, 1, 1, 1, 1}},
		"configured above the limit": {batch: Batch{Records: 100}, limits: sinks.Limits{Records: 3}, want: []int{3, 2}},
		"sink's bytes":               {limits: sinks.Limits{Bytes: 20}, want: []int{2, 2, 1}},
		"configured bytes":           {batch: Batch{Bytes: 9}, want: []int{1, 1, 1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &fakeSink{limits: test.limits}
			out := deliverAll(t, Options{Sink: s, Batch: test.batch}, parcel(1, 5))
			require.NoError(t, out.err)
			var got []int
			for _, a := range s.attempts {
				got = append(got, len(a))
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestABatchHasOneKey(t *testing.T) {
	s := &fakeSink{encode: func(ev *event.Event) (sinks.Record, error) {
		return sinks.Record{ID: ev.ID(), Event: ev, Key: string(ev.UID[len(ev.UID)-1:])}, nil
	}}
	out := deliverAll(t, Options{Sink: s, Batch: Batch{Records: 3}}, parcel(1, 40))
	require.NoError(t, out.err)
	for _, batch := range s.attempts {
		for _, id := range batch {
			assert.Equal(t, batch[0][len(batch[0])-1:], id[len(id)-1:], "%v", batch)
		}
	}
	assert.ElementsMatch(t, ids(1, 40), s.accepted)
	assert.Equal(t, "40", out.cursor())
}

func TestManyKeysStayBounded(t *testing.T) {
	c := newCutter(Batch{Records: 5, Bytes: 1 << 20, Age: time.Hour})
	for i := range 1000 {
		c.add(item{record: sinks.Record{Key: fmt.Sprint(i), Body: make([]byte, 10)}})
		require.LessOrEqual(t, c.records, openBatches*5)
		require.LessOrEqual(t, len(c.batches), openBatches*5)
	}
}

func TestTransientIsTriedAgain_DP8(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSink{answer: func(attempt int, _ []string) error {
			if attempt < 4 {
				return errDown
			}
			return nil
		}}
		out := deliverAll(t, Options{Sink: s, Retry: fast()}, parcel(1, 2))
		require.NoError(t, out.err)
		assert.Equal(t, "2", out.cursor())
		assert.Equal(t, int64(4), out.stats.Attempts)
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := &fakeSink{answer: func(attempt int, _ []string) error {
			if attempt == 1 {
				return sinks.RetryAfter(errDown, 42*time.Second)
			}
			return nil
		}}
		out := deliverAll(t, Options{Sink: s, Retry: fast()}, parcel(1, 2))
		require.NoError(t, out.err)
		assert.GreaterOrEqual(t, time.Since(began), 42*time.Second, "of the test's own clock")
	})
}

func TestBackoffIsFullJitterAndGrows(t *testing.T) {
	d := &delivery{Receiver: New(Options{Sink: &fakeSink{}, Retry: Retry{Initial: time.Second, Max: 8 * time.Second}})}
	bounds := []int{1, 2, 4, 8, 8, 8} // seconds
	highest := make([]time.Duration, len(bounds))
	for range 300 {
		p := d.policy()
		for i := range bounds {
			highest[i] = max(highest[i], p.NextBackOff())
		}
	}
	for i, seconds := range bounds {
		bound := time.Duration(seconds) * time.Second
		assert.LessOrEqual(t, highest[i], bound, "delay %d", i)
		assert.Greater(t, highest[i], bound/2, "delay %d", i)
	}
}

func TestBudgetSpentKeepsTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSink{answer: func(_ int, batch []string) error {
			if slices.Contains(batch, "3") {
				return errDown
			}
			return nil
		}}
		out := deliverAll(t, Options{Sink: s, Batch: Batch{Records: 2}, Retry: fast()}, parcel(1, 2), parcel(3, 4), parcel(5, 6))
		require.ErrorIs(t, out.err, errDown)
		assert.Equal(t, "2", out.cursor())
	})
}

func TestAHungSendEndsByItsTimeout_DP7(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &hungSink{fakeSink: fakeSink{}}
		out := deliverAll(t, Options{Sink: s, Timeout: 5 * time.Second, Retry: fast()}, parcel(1, 1))
		require.ErrorIs(t, out.err, context.DeadlineExceeded)
		assert.Greater(t, out.stats.Attempts, int64(2))
		assert.Empty(t, out.cursors)
	})
}

type hungSink struct{ fakeSink }

func (s *hungSink) Send(ctx context.Context, _ []sinks.Record) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestWithoutTheLeaseNothingIsSent(t *testing.T) {
	lost := errors.New("lease lost")
	s := &fakeSink{}
	out := deliverWith(t.Context(), t, Options{Sink: s}, func() error { return lost }, parcel(1, 3))
	require.ErrorIs(t, out.err, lost)
	assert.Empty(t, s.attempts)
	assert.Empty(t, out.cursors)
}

// With several batches in flight a later page may be done first. Its cursor must
// wait for the earlier one.
func TestACursorWaitsForEarlierPages(t *testing.T) {
	var third atomic.Bool
	release := make(chan struct{})
	s := &fakeSink{}
	s.answer = func(_ int, batch []string) error {
		switch batch[0] {
		case "2":
			<-release
			return sinks.Stop(errDown)
		case "3":
			third.Store(true)
			close(release)
		}
		return nil
	}
	s.limits.Concurrency = 2
	out := deliverAll(t, Options{Sink: s, Concurrency: 2, Batch: Batch{Records: 1}}, parcel(1, 1), parcel(2, 2), parcel(3, 3))
	require.ErrorIs(t, out.err, errDown)
	assert.True(t, third.Load())
	assert.Equal(t, []string{"1"}, out.cursors, "page 3 was acknowledged, page 2 is owed")
}

// A receiver that takes less than a page in a run's time must get on all the same.
func TestACursorMovesWithinAPage(t *testing.T) {
	s := &fakeSink{answer: func(attempt int, _ []string) error {
		if attempt > 3 {
			return sinks.Stop(errDown)
		}
		return nil
	}}
	out := deliverAll(t, Options{Sink: s, Batch: Batch{Records: 2}}, parcel(1, 100))
	require.ErrorIs(t, out.err, errDown)
	assert.Equal(t, "6", out.cursor())
}

// A service that is down is probed with one batch, whatever Concurrency allows.
func TestADeadServiceIsProbedWithOneBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSink{limits: sinks.Limits{Concurrency: 8}, answer: func(int, []string) error { return errDown }}
		out := deliverAll(t, Options{Sink: s, Concurrency: 8, Batch: Batch{Records: 1}, Retry: fast()}, parcel(1, 100))
		require.ErrorIs(t, out.err, errDown)
		for _, batch := range s.attempts {
			assert.Equal(t, []string{"1"}, batch, "only the first batch was tried")
		}
		assert.Less(t, len(s.attempts), 200)
	})
}

func TestARecordDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSink{}
		r := New(Options{Sink: s, Batch: Batch{Age: 3 * time.Second}})
		in := make(chan Parcel)
		done := make(chan error)
		go func() {
			done <- r.Deliver(t.Context(), state.Cursor{}, in, func() error { return nil }, func(state.Cursor) {})
		}()
		in <- parcel(1, 2)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Empty(t, s.got())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Equal(t, ids(1, 2), s.got())
		close(in)
		require.NoError(t, <-done)
	})
}

func TestTheEndOfItsTimeReturnsWithWhatIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := errors.New("time is up")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, over)
		defer cancel()
		s := &fakeSink{answer: func(int, []string) error { return errDown }}
		out := deliverWith(ctx, t, Options{Sink: s, Retry: Retry{Budget: time.Hour}}, func() error { return nil }, parcel(1, 1))
		require.ErrorIs(t, out.err, over)
		assert.Empty(t, out.cursors)
	})
}

// A delivery may begin with a cursor of a history that was rewritten meanwhile:
// its time says nothing of the events of the new one, which may be about to expire.
func TestACursorWithinAPageIsNoYoungerThanItsEvent(t *testing.T) {
	now := time.Now().UTC()
	p := parcel(1, 3)
	p.Next.ReadAt = now
	for _, ev := range p.Events {
		ev.CreationTimestamp = metav1.NewTime(now.Add(-time.Hour))
	}
	s := &fakeSink{answer: func(attempt int, _ []string) error {
		if attempt > 1 {
			return sinks.Stop(errDown)
		}
		return nil
	}}
	in := make(chan Parcel, 1)
	in <- p
	close(in)
	var last state.Cursor
	err := New(Options{Sink: s, Batch: Batch{Records: 1}}).Deliver(t.Context(), state.Cursor{ResourceVersion: "900", ReadAt: now}, in,
		func() error { return nil }, func(c state.Cursor) { last = c })
	require.ErrorIs(t, err, errDown)
	assert.Equal(t, "1", last.ResourceVersion)
	assert.Equal(t, now.Add(-time.Hour), last.ReadAt)
}
