package run

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

func TestARunDeliversWhatIsNewAndCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		report, err := w.job("a", "b").Once(w.phases())
		require.NoError(t, err)
		assert.True(t, report.CaughtUp)
		assert.Equal(t, int64(10), report.EventsRead)
		assert.Equal(t, int64(10), report.Receivers["a"].Delivered)
		assert.Equal(t, "10", report.Receivers["a"].ResourceVersion)
		assert.Zero(t, report.Receivers["a"].Owed)
		w.requireAll("a")
		w.requireAll("b")
		assert.Equal(t, "10", w.stored("a"))
		assert.Empty(t, w.checkpoint().Lease.Holder)

		w.add(4)
		report, err = w.job("a", "b").Once(w.phases())
		require.NoError(t, err)
		assert.Equal(t, int64(4), report.EventsRead)
		w.requireAll("a")
		assert.Equal(t, 1, w.got["a"][w.events[9].ID()])

		report, err = w.job("a", "b").Once(w.phases())
		require.NoError(t, err)
		assert.Zero(t, report.EventsRead)
		assert.True(t, report.CaughtUp)
	})
}

// TestFaults breaks every step at every occurrence, in both forms (it happened
// and the reply was lost, it did not happen), once or as a kill of the process.
// After each the invariant holds; one more run repairs everything.
func TestFaults(t *testing.T) {
	for _, step := range []string{"load", "commit", "position", "read", "send", "deadletter"} {
		for _, applied := range []bool{true, false} {
			for _, kill := range []bool{false, true} {
				for occurrence := 1; occurrence <= 12; occurrence++ {
					name := fmt.Sprintf("%s %d/applied=%v/kill=%v", step, occurrence, applied, kill)
					t.Run(name, func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { breakOnce(t, step, occurrence, applied, kill) })
					})
				}
			}
		}
	}
}

func breakOnce(t *testing.T, step string, occurrence int, applied, kill bool) {
	w := newWorld(t, 10)
	w.poison = "e5"
	seen := 0
	w.fault = func(at string) (bool, error) {
		if at != step {
			return true, nil
		}
		seen++
		if seen != occurrence {
			return true, nil
		}
		w.dead = kill
		return applied, errBroken
	}
	report, err := w.job("a", "b").Once(w.phases())
	w.requireInvariant()
	broken := seen >= occurrence
	if broken && !kill && step != "position" && step != "read" {
		require.NoError(t, err, "one failure of %s must not end a run", step)
	}
	if err == nil {
		require.True(t, report.CaughtUp)
	}

	w.fault = nil
	w.add(2)
	time.Sleep(leaseTime + time.Second) // a killed run's lease has to end
	report, err = w.job("a", "b").Once(w.phases())
	require.NoError(t, err)
	require.True(t, report.CaughtUp)
	w.requireAll("a")
	w.requireAll("b")
	w.requireInvariant()
}

func TestStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		job := w.job("machine", "person")
		job.Receivers[1].Start = sinks.Now
		// The start is committed before anything is read: "now" does not move.
		w.fault = func(step string) (bool, error) {
			if step == "read" {
				w.dead = true
				return false, errBroken
			}
			return true, nil
		}
		_, err := job.Once(w.phases())
		require.Error(t, err)
		assert.Equal(t, "0", w.stored("machine"))
		assert.Equal(t, "5", w.stored("person"))

		w.fault = nil
		w.add(2)
		time.Sleep(time.Minute)
		_, err = w.job("machine", "person").Once(w.phases())
		require.NoError(t, err)
		assert.Len(t, w.got["machine"], 7)
		assert.Len(t, w.got["person"], 2)
	})
}

func TestReceiversComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		_, err := w.job("a", "b").Once(w.phases())
		require.NoError(t, err)
		w.add(2)

		_, err = w.job("a", "c").Once(w.phases())
		require.NoError(t, err)
		assert.Len(t, w.got["c"], 7, "a new receiver has its own start")
		assert.Equal(t, "5", w.stored("b"), "a receiver that left keeps its cursor")

		renamed := w.job("a", "d")
		renamed.Receivers[1].RenamedFrom = "b"
		_, err = renamed.Once(w.phases())
		require.NoError(t, err)
		assert.Len(t, w.got["d"], 2, "a renamed receiver goes on")

		time.Sleep(2 * time.Hour)
		_, err = w.job("a").Once(w.phases())
		require.NoError(t, err)
		assert.NotContains(t, w.checkpoint().Clusters[w.cluster], "b", "nothing it is owed is retained any more")
		assert.Contains(t, w.checkpoint().Clusters[w.cluster], "a")
	})
}

// TestARunOfSomeReceivers: the others stay where they are, those that left the
// configuration and those that are new to it too.
func TestARunOfSomeReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		_, err := w.job("a", "b", "left").Once(w.phases())
		require.NoError(t, err)
		before := w.checkpoint().Clusters[w.cluster]
		time.Sleep(2 * time.Hour) // longer than events are kept
		w.add(2)

		limited := w.job("a", "b", "new")
		limited.Receivers[1].Idle, limited.Receivers[2].Idle = true, true
		limited.Router = toSecond{}
		report, err := limited.Once(w.phases())
		require.NoError(t, err)
		assert.True(t, report.CaughtUp)
		assert.Len(t, report.Receivers, 1)
		assert.Zero(t, report.Dropped, "an event that only an idle receiver wants is not dropped")
		assert.Equal(t, "7", w.stored("a"))
		after := w.checkpoint().Clusters[w.cluster]
		for _, other := range []string{"b", "left"} {
			assert.Equal(t, before[other], after[other], other)
			assert.Len(t, w.got[other], 5, other)
		}
		assert.NotContains(t, after, "new", "its first run is still to come")
		assert.Empty(t, w.got["new"])

		_, err = w.job("a", "b", "new").Once(w.phases())
		require.NoError(t, err)
		w.requireAll("b")
		w.requireAll("new")
	})
}

// toSecond routes every event to the second receiver.
type toSecond struct{}

func (toSecond) Route(_ *event.Event, dst []int) []int { return append(dst, 1) }

func TestAnotherClusterIsAFirstRunThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		_, err := w.job("a").Once(w.phases())
		require.NoError(t, err)
		w.cluster = "cluster-b"
		_, err = w.job("a").Once(w.phases())
		require.NoError(t, err)
		assert.Equal(t, 2, w.got["a"][w.events[0].ID()])
		w.cluster = "cluster-a"
		w.add(1)
		_, err = w.job("a").Once(w.phases())
		require.NoError(t, err)
		assert.Equal(t, 2, w.got["a"][w.events[0].ID()], "a known cluster goes on")
		assert.Equal(t, 1, w.got["a"][w.events[5].ID()])
	})
}

// TestAFailingReceiverHoldsUpNobody: its cursor stays, the others' go on.
func TestAFailingReceiverHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 40)
		wrong := errors.New("404")
		job := w.job("good", "bad")
		job.Receivers[1].Deliver.Sink = stopSink{&service{world: w, name: "bad"}, wrong}
		report, err := job.Once(w.phases())
		require.ErrorIs(t, err, wrong)
		w.requireAll("good")
		assert.Equal(t, "40", w.stored("good"))
		assert.Equal(t, "0", w.stored("bad"))
		assert.Positive(t, report.Receivers["bad"].Owed)
		assert.False(t, report.CaughtUp)
		assert.Contains(t, report.Receivers["bad"].Error, "404")
	})
}

type stopSink struct {
	sinks.Sink
	err error
}

func (s stopSink) Send(context.Context, []sinks.Record) error { return sinks.Stop(s.err) }

// TestASlowReceiverIsLetGo: the healthy one is done while the slow one still
// hangs, and the slow one reads on from its own place in the same run.
func TestASlowReceiverIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 100)
		w.hold["slow"] = make(chan struct{})
		done := make(chan error)
		go func() {
			_, err := w.job("good", "slow").Once(w.phases())
			done <- err
		}()
		time.Sleep(5 * time.Second)
		w.mu.Lock()
		assert.Len(t, w.got["good"], 100)
		assert.Empty(t, w.got["slow"])
		w.mu.Unlock()
		close(w.hold["slow"])
		require.NoError(t, <-done)
		w.requireAll("slow")
		for id, n := range w.got["good"] {
			assert.Equal(t, 1, n, id)
		}
		assert.Equal(t, "100", w.stored("slow"))
	})
}
