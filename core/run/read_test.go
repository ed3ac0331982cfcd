package run

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		job.Source = resetSource{w}
		report, err := job.Once(w.phases())
		require.NoError(t, err)
		w.requireAll("a")
		require.NotNil(t, report.Reset)
		assert.Equal(t, "900", report.Reset.From)
		assert.Equal(t, "5", w.stored("a"))
		assert.Equal(t, "0", w.stored("away"), "a receiver that is not configured now must not keep a cursor of the old history")
	})
}

// resetSource finds that the history was rewritten.
type resetSource struct{ *world }

func (s resetSource) Since(ctx context.Context, from state.Cursor) iter.Seq2[source.Page, error] {
	return func(yield func(source.Page, error) bool) {
		notice := &source.Notice{Reset: true, From: from.ResourceVersion, To: "5", Reason: "rewritten"}
		if yield(source.Page{Next: state.Cursor{ResourceVersion: "0"}, Notice: notice}, nil) {
			s.world.Since(ctx, state.Cursor{ResourceVersion: "0"})(yield)
		}
	}
}
