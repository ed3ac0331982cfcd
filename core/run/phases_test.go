package run

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheDeadlineKeepsWhatIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 40)
		w.hold["slow"] = make(chan struct{})
		phases, over := NewPhases(t.Context(), time.Now().Add(30*time.Second), nil, time.Minute)
		defer over()
		report, err := w.job("good", "slow").Once(phases)
		require.NoError(t, err, "a deadline with more to do is no failure")
		assert.False(t, report.CaughtUp)
		w.requireAll("good")
		assert.Equal(t, "0", w.stored("slow"))
		assert.Empty(t, w.checkpoint().Lease.Holder, "the lease is given back")

		close(w.hold["slow"])
		report, err = w.job("good", "slow").Once(w.phases())
		require.NoError(t, err)
		assert.True(t, report.CaughtUp)
		w.requireAll("slow")
	})
}

func TestSIGTERMDeliversAndCommitsWhatWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100)
		w.hold["a"] = make(chan struct{})
		stop := make(chan struct{})
		phases, over := NewPhases(t.Context(), time.Time{}, stop, 20*time.Second)
		defer over()
		done := make(chan error)
		var report Report
		go func() {
			var err error
			report, err = w.job("a").Once(phases)
			done <- err
		}()
		time.Sleep(time.Second)
		close(stop)
		time.Sleep(time.Second)
		close(w.hold["a"])
		require.NoError(t, <-done)
		assert.Positive(t, report.Receivers["a"].Delivered)
		assert.Zero(t, report.Receivers["a"].Owed)
		assert.False(t, report.CaughtUp)
		w.requireInvariant()
		assert.Len(t, w.got["a"], int(report.Receivers["a"].Delivered))
		assert.Equal(t, fmt.Sprint(report.Receivers["a"].Delivered), w.stored("a"))
	})
}
