package run

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/state"
)

// TestWatchLetsASlowReceiverGo: it never holds up the others, reads again from
// its own cursor and joins them.
func TestWatchLetsASlowReceiverGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		hold := make(chan struct{})
		w.hold["slow"] = hold
		job := w.job("good", "slow")
		r := w.watch(job)
		for range 20 {
			w.add(20)
			time.Sleep(4 * time.Second)
			w.requireAll("good")
			w.requireInvariant()
		}
		require.NotEqual(t, Delivering, r.state("slow"))
		require.Equal(t, "0", w.stored("slow"))
		close(hold)
		for range 20 {
			w.add(2)
			time.Sleep(time.Minute)
		}
		w.requireAll("slow")
		require.Equal(t, Delivering, r.state("slow"))
		for receiver := range w.got {
			for id, n := range w.got[receiver] {
				assert.Equal(t, 1, n, "%s to %s", id, receiver)
			}
		}
		require.NoError(t, r.end())
	})
}

// TestJoiningLosesNothing: events go on while one that was let go comes back, and
// a third takes a few now and then.
func TestJoiningLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		back := make(chan struct{})
		w.hold["slow"] = back
		job := w.job("good", "slow", "trickle")
		job.Router, job.Again = evenOnly{job.Router}, lateSource{w}
		job.Receivers[2].Deliver.Sink.(*service).refuse = func() error {
			time.Sleep(20 * time.Second)
			return nil
		}
		for _, r := range job.Receivers {
			r.Deliver.Timeout = time.Hour
		}
		r := w.watch(job)
		writing := make(chan struct{})
		go func() {
			defer close(writing)
			for range 3000 {
				w.add(1)
				time.Sleep(70 * time.Millisecond)
			}
		}()
		time.Sleep(30 * time.Second)
		close(back)
		time.Sleep(time.Minute)
		require.Equal(t, Delivering, r.state("slow"), "the third is not waited for")
		<-writing
		time.Sleep(time.Minute)
		assert.EqualValues(t, 1503, job.Dropped(), "what is read again is not dropped again")
		require.NoError(t, r.end())
		for _, ev := range w.events {
			if (evenOnly{}).wants(ev) {
				assert.Equal(t, 1, w.got["slow"][ev.ID()], ev.ID())
				assert.Equal(t, 1, w.got["good"][ev.ID()], ev.ID())
			}
		}
	})
}

// TestASlowServiceDelaysNobody: one that takes some seconds for a batch is a slow
// one, whether it is let go or not.
func TestASlowServiceDelaysNobody(t *testing.T) {
	for _, takes := range []time.Duration{1500 * time.Millisecond, 2500 * time.Millisecond, 6 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 5)
			job := w.job("good", "slow")
			for _, r := range job.Receivers {
				r.Deliver.Batch.Records = 100
			}
			job.Receivers[1].Deliver.Sink.(*service).refuse = func() error {
				time.Sleep(takes)
				return nil
			}
			r := w.watch(job)
			time.Sleep(10 * time.Second)
			for range 600 {
				w.add(3)
				time.Sleep(100 * time.Millisecond)
				w.mu.Lock()
				lag := len(w.events) - len(w.got["good"])
				w.mu.Unlock()
				// A second's worth waits for the batch to become full.
				require.LessOrEqual(t, lag, 42, "with %s for a batch", takes)
			}
			time.Sleep(5 * time.Minute)
			w.requireAll("slow")
			require.NoError(t, r.end())
		})
	}
}

// TestWatchOpensAStoppedReceiverAgain after its service was out for a while; what
// it is owed is kept, and at no time does its cursor pass it.
func TestWatchOpensAStoppedReceiverAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		job := w.job("good", "bad")
		down := false
		bad := job.Receivers[1].Deliver.Sink.(*service)
		bad.refuse = func() error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if down {
				return errors.New("503")
			}
			return nil
		}
		r := w.watch(job)
		time.Sleep(10 * time.Second)
		w.requireAll("bad")
		w.mu.Lock()
		down = true
		w.mu.Unlock()
		for range 10 {
			w.add(5)
			time.Sleep(30 * time.Second)
			w.requireAll("good")
			w.requireInvariant()
		}
		require.Equal(t, "5", w.stored("bad"))
		assert.Contains(t, []State{Stopped, CatchingUp, Behind}, r.state("bad"))
		w.mu.Lock()
		down = false
		w.mu.Unlock()
		time.Sleep(2 * mostRest)
		w.requireAll("bad")
		assert.Equal(t, Delivering, r.state("bad"))
		require.NoError(t, r.end())
		for id, n := range w.got["bad"] {
			assert.Equal(t, 1, n, "%s: it goes on where it stopped", id)
		}
	})
}

// lateSource ends some time after its last page, when others have got further.
type lateSource struct{ *world }

func (s lateSource) Since(ctx context.Context, from state.Cursor) iter.Seq2[source.Page, error] {
	return func(yield func(source.Page, error) bool) {
		s.world.Since(ctx, from)(yield)
		sleep(ctx, time.Second)
	}
}

// evenOnly drops the events with an odd version.
type evenOnly struct{ Router }

func (evenOnly) wants(ev *event.Event) bool {
	version, _ := strconv.Atoi(ev.ResourceVersion)
	return version%2 == 0
}

func (r evenOnly) Route(ev *event.Event, dst []int) []int {
	if !r.wants(ev) {
		return dst
	}
	return r.Router.Route(ev, dst)
}

// TestWatchReadsAgainAfterAFailure of the API server, however long it is.
func TestWatchReadsAgainAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		r := w.watch(w.job("a"))
		time.Sleep(5 * time.Second)
		w.setFault(func(step string) (bool, error) { return step != "read", errIf(step == "read") })
		w.add(5)
		time.Sleep(10 * time.Minute)
		require.Error(t, r.job.Status()[0].Err)
		w.setFault(nil)
		time.Sleep(time.Minute)
		w.requireAll("a")
		require.NoError(t, r.job.Status()[0].Err)
		require.NoError(t, r.end())
	})
}
