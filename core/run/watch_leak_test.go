package run

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestOutagesLeakNothing: a process that follows for months sees many. Each stops
// the receiver, which is opened again.
func TestOutagesLeakNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		job := w.job("good", "bad")
		var down atomic.Bool
		job.Receivers[1].Deliver.Sink.(*service).refuse = func() error {
			if down.Load() {
				return errors.New("503")
			}
			return nil
		}
		r := w.watch(job)
		outage := func() {
			w.requireWorks(r, "bad", Delivering)
			down.Store(true)
			w.add(5)
			w.requireWorks(r, "bad", Stopped)
			down.Store(false)
			w.requireWorks(r, "bad", Delivering)
			w.requireAll("good")
			w.requireAll("bad")
		}
		for range 5 {
			outage()
		}
		goroutines, heap := used()
		for range 50 {
			outage()
		}
		now, live := used()
		require.Equal(t, goroutines, now)
		// The world itself keeps 250 events more.
		require.Less(t, live, heap+1<<20)
		require.NoError(t, r.end())
	})
}

// requireWorks waits, in the bubble's time, until a receiver is in a state.
func (w *world) requireWorks(r *watching, receiver string, s State) {
	w.t.Helper()
	for began := time.Now(); r.state(receiver) != s; time.Sleep(time.Second) {
		require.Less(w.t, time.Since(began), 2*mostRest, "%s is %s, not %s", receiver, r.state(receiver), s)
	}
	time.Sleep(5 * time.Second)
}

// used are the goroutines and the live heap, once everything rests.
func used() (goroutines int, heap uint64) {
	synctest.Wait()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc
}
