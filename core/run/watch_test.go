package run

import (
	"context"
	"iter"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/state"
)

// watching is a Watch that runs in the background of a test.
type watching struct {
	job    *Job
	stop   chan struct{}
	report Report
	err    error
	done   chan struct{}
}

func (w *world) watch(job *Job) *watching {
	r := &watching{job: job, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		phases, over := NewPhases(context.Background(), time.Time{}, r.stop, 10*time.Second)
		defer over()
		r.report, r.err = job.Watch(phases)
	}()
	return r
}

// end asks for an orderly end and waits for it.
func (r *watching) end() error {
	close(r.stop)
	<-r.done
	return r.err
}

func (r *watching) state(receiver string) State {
	for _, s := range r.job.Status() {
		if s.Receiver == receiver {
			return s.State
		}
	}
	return ""
}

func TestWatchDeliversWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		r := w.watch(w.job("a", "b"))
		time.Sleep(10 * time.Second)
		for range 5 {
			w.add(7)
			time.Sleep(10 * time.Second)
			w.requireAll("a")
			w.requireAll("b")
			w.requireInvariant()
		}
		require.Equal(t, Delivering, r.state("a"))
		require.Equal(t, "cluster-a", r.job.Cluster())
		require.Equal(t, "45", w.stored("a"), "committed while it runs")
		w.add(3)
		time.Sleep(150 * time.Millisecond)
		require.NoError(t, r.end())
		w.requireAll("a")
		require.Equal(t, "48", w.stored("b"), "what was read is delivered and committed at the end")
		require.Empty(t, w.checkpoint().Lease.Holder, "the lease is given back")
	})
}

// TestWatchAndRunAreTheSame: a cluster moves from a CronJob to a watch and back.
func TestWatchAndRunAreTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		for range 3 {
			_, err := w.job("a").Once(w.phases())
			require.NoError(t, err)
			w.add(5)
			r := w.watch(w.job("a"))
			time.Sleep(5 * time.Second)
			w.add(5)
			time.Sleep(5 * time.Second)
			require.NoError(t, r.end())
			w.add(5)
		}
		_, err := w.job("a").Once(w.phases())
		require.NoError(t, err)
		w.requireAll("a")
		for id, n := range w.got["a"] {
			assert.Equal(t, 1, n, "%s: nothing died, so nothing is repeated", id)
		}
	})
}

func errIf(broken bool) error {
	if broken {
		return errBroken
	}
	return nil
}

func (w *world) setFault(fault func(step string) (bool, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = fault
}

// turningSource is of one history, and of another from the second read on.
type turningSource struct {
	resetSource
	reads int
}

func (s *turningSource) Follow(ctx context.Context, from state.Cursor) iter.Seq2[source.Page, error] {
	if s.reads++; s.reads == 1 {
		return func(yield func(source.Page, error) bool) {
			for page, err := range s.world.Since(ctx, from) {
				if !yield(page, err) {
					return
				}
			}
			sleep(ctx, time.Second)
			yield(source.Page{}, errBroken)
		}
	}
	return s.Since(ctx, from)
}

// beatingSource writes its marker.
type beatingSource struct{ *world }

func (s beatingSource) Follow(ctx context.Context, from state.Cursor) iter.Seq2[source.Page, error] {
	return func(yield func(source.Page, error) bool) {
		for page, err := range s.world.Follow(ctx, from) {
			page.Next.Marker = "777"
			if !yield(page, err) {
				return
			}
		}
	}
}

// TestWatchEndsWhenItsLeaseIsLost: somebody else may have what it holds.
func TestWatchEndsWhenItsLeaseIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		r := w.watch(w.job("a"))
		time.Sleep(5 * time.Second)
		taken := w.checkpoint()
		taken.Lease = state.Lease{Holder: "another", Expires: time.Now().Add(time.Minute)}
		taken.Revision += 10
		w.put(taken)
		w.add(5)
		<-r.done
		require.NoError(t, r.err)
		require.Equal(t, "another", *r.report.LeaseHeldBy)
		require.Equal(t, "another", w.checkpoint().Lease.Holder)
	})
}

// TestWatchBeginsAnewWhenTheHistoryIsRewritten under it.
func TestWatchBeginsAnewWhenTheHistoryIsRewritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		job := w.job("a")
		job.Source = &turningSource{resetSource{w, false}, 0}
		r := w.watch(job)
		<-r.done
		require.True(t, IsRewritten(r.err), "%v", r.err)
		require.Equal(t, "5", w.stored("a"), "no cursor of the new history is mixed with the old one")
	})
}

// TestALongOutageKeepsTheMarker: the chain of markers is shorter than a long
// outage; the checkpoint must hold one that is on it.
func TestALongOutageKeepsTheMarker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		w.put(state.Checkpoint{Version: 1, Clusters: map[string]map[string]state.Cursor{"cluster-a": {
			"a": {ResourceVersion: "1", Marker: "1"},
		}}})
		w.hold["a"] = make(chan struct{})
		job := w.job("a")
		job.Source = beatingSource{w}
		r := w.watch(job)
		time.Sleep(time.Minute)
		assert.Equal(t, "1", w.stored("a"), "still owed")
		assert.Equal(t, "777", w.checkpoint().Clusters["cluster-a"]["a"].Marker)
		close(w.hold["a"])
		time.Sleep(time.Minute)
		require.NoError(t, r.end())
	})
}

// TestWatchKnowsUpdates: what an update is, and what is too old, is told by how
// far the watch has got, not by when it began.
func TestWatchKnowsUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		job := w.job("first only", "young only", "all")
		job.Receivers[0].OmitUpdates = true
		job.Receivers[1].MaxAge = 5 * time.Minute
		r := w.watch(job)
		time.Sleep(time.Hour)
		w.add(1)
		time.Sleep(10 * time.Minute)
		w.add(1) // so that the watch gets on
		time.Sleep(time.Second)
		w.update(5)
		time.Sleep(10 * time.Second)
		require.NoError(t, r.end())
		assert.Len(t, w.got["first only"], 7)
		assert.Len(t, w.got["young only"], 7)
		assert.Len(t, w.got["all"], 8)
	})
}

// update appends another version of an event.
func (w *world) update(i int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ev := *w.events[i]
	ev.ResourceVersion = strconv.Itoa(len(w.events) + 1)
	w.events = append(w.events, &ev)
}
