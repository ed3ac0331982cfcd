package run

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/state"
)

func TestUpdatesCanBeLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		time.Sleep(10 * time.Minute)
		job := func() *Job {
			j := w.job("all", "first")
			j.Receivers[1].OmitUpdates = true
			return j
		}
		_, err := job().Once(w.phases())
		require.NoError(t, err)
		assert.Len(t, w.got["first"], 3, "at the first run nothing is known to be an update")
		time.Sleep(10 * time.Minute)
		w.add(2)
		w.events[3].UID, w.events[3].CreationTimestamp = w.events[0].UID, w.events[0].CreationTimestamp
		_, err = job().Once(w.phases())
		require.NoError(t, err)
		assert.Len(t, w.got["all"], 5)
		assert.Len(t, w.got["first"], 4)
	})
}

func TestAgeBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		time.Sleep(10 * time.Minute)
		w.add(2)
		job := w.job("bounded first run", "maxAge", "all")
		job.Receivers[0].StartAge = time.Minute
		job.Receivers[1].MaxAge = time.Minute
		_, err := job.Once(w.phases())
		require.NoError(t, err)
		assert.Len(t, w.got["bounded first run"], 2)
		assert.Len(t, w.got["maxAge"], 2)
		assert.Len(t, w.got["all"], 5)

		// Afterwards the checkpoint rules: an exporter that was down sends what it missed.
		w.add(1)
		time.Sleep(10 * time.Minute)
		job = w.job("bounded first run", "maxAge", "all")
		job.Receivers[0].StartAge = time.Minute
		job.Receivers[1].MaxAge = time.Minute
		_, err = job.Once(w.phases())
		require.NoError(t, err)
		assert.Len(t, w.got["bounded first run"], 3, "D-W2: age never drops an event after the first run")
		assert.Len(t, w.got["maxAge"], 2)
	})
}

func TestAResetBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		w.put(state.Checkpoint{Version: 1, Clusters: map[string]map[string]state.Cursor{"cluster-a": {
			"a": {ResourceVersion: "900", Marker: "899"}, "away": {ResourceVersion: "950"},
		}}})
		job := w.job("a")
		job.Source, job.Metrics = resetSource{w, false}, metrics.Discard()
		report, err := job.Once(w.phases())
		require.NoError(t, err)
		w.requireAll("a")
		require.NotNil(t, report.Reset)
		assert.Equal(t, "900", report.Reset.From)
		assert.InDelta(t, 1, testutil.ToFloat64(job.Metrics.Source.Resets), 0)
		assert.InDelta(t, 5, testutil.ToFloat64(job.Metrics.Source.EventsRead), 0)
		assert.Positive(t, testutil.ToFloat64(job.Metrics.Run.Commits))
		assert.Equal(t, "5", w.stored("a"))
		assert.Equal(t, "0", w.stored("away"), "a receiver that is not configured now must not keep a cursor of the old history")
	})
}

// resetSource finds that the history was rewritten.
type resetSource struct {
	*world
	dies bool // once the rewound cursors are committed, and before an event is read
}

func (s resetSource) Since(ctx context.Context, from state.Cursor) iter.Seq2[source.Page, error] {
	return func(yield func(source.Page, error) bool) {
		notice := &source.Notice{Reset: true, From: from.ResourceVersion, To: "5", Reason: "rewritten"}
		if !yield(source.Page{Next: state.Cursor{ResourceVersion: "0"}, Notice: notice}, nil) {
			return
		}
		if time.Sleep(time.Second); s.dies {
			yield(source.Page{}, errBroken)
		} else {
			s.world.Since(ctx, state.Cursor{ResourceVersion: "0"})(yield)
		}
	}
}

// TestAResetOwesEverythingAlsoAfterACrash: an age that bounds a receiver's first
// run says nothing about a history that was rewritten.
func TestAResetOwesEverythingAlsoAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		w.put(state.Checkpoint{Version: 1, Clusters: map[string]map[string]state.Cursor{"cluster-a": {
			"a": {ResourceVersion: "900", ReadAt: time.Now()},
		}}})
		time.Sleep(10 * time.Minute)
		bounded := func() *Job {
			job := w.job("a")
			job.Receivers[0].StartAge = time.Minute
			return job
		}
		job := bounded()
		job.Source = resetSource{w, true}
		_, err := job.Once(w.phases())
		require.Error(t, err)
		require.Equal(t, "0", w.stored("a"))

		time.Sleep(time.Minute)
		_, err = bounded().Once(w.phases())
		require.NoError(t, err)
		w.requireAll("a")
	})
}

// TestAResetIsToldToTheReceivers, first of all, if the configuration says so.
func TestAResetIsToldToTheReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		w.put(state.Checkpoint{Version: 1, Clusters: map[string]map[string]state.Cursor{"cluster-a": {"a": {ResourceVersion: "900"}}}})
		job := w.job("a")
		job.Source, job.ReportNotices = resetSource{w, false}, true
		_, err := job.Once(w.phases())
		require.NoError(t, err)
		assert.Contains(t, w.got["a"], "packetboat-HistoryRewritten-900.")
		assert.Len(t, w.got["a"], 6)
		assert.Equal(t, "5", w.stored("a"))
	})
}

// TestAStreamWaitsForASlowReceiver: what comes by standard input cannot be read
// again, so that nobody is let go.
func TestAStreamWaitsForASlowReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 60)
		w.hold["slow"] = make(chan struct{})
		job := w.job("good", "slow")
		job.Source = &streamSource{world: w}
		done := make(chan error)
		go func() {
			_, err := job.Once(w.phases())
			done <- err
		}()
		time.Sleep(time.Minute)
		close(w.hold["slow"])
		require.NoError(t, <-done)
		for _, receiver := range []string{"good", "slow"} {
			w.requireAll(receiver)
			for id, n := range w.got[receiver] {
				assert.Equal(t, 1, n, "%s to %s", id, receiver)
			}
		}
	})
}

// streamSource hands its events out once, in pages without a cursor.
type streamSource struct {
	*world
	read bool
}

func (s *streamSource) Since(context.Context, state.Cursor) iter.Seq2[source.Page, error] {
	return func(yield func(source.Page, error) bool) {
		if s.read {
			return
		}
		s.read = true
		for first := 0; first < len(s.events); first += 3 {
			if !yield(source.Page{Events: s.events[first : first+3]}, nil) {
				return
			}
		}
	}
}
