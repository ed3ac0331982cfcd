package run

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/digest"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// wall is a service for people: of every message it keeps the last version, by
// its ID, as somebody does who reads it.
type wall struct {
	service
	counts map[string]int64
}

func (s *wall) EncodeDigest(d *sinks.Digest) (sinks.Record, error) {
	return sinks.Record{ID: d.ID, Body: []byte(strconv.FormatInt(d.Count, 10))}, nil
}

func (s *wall) Send(_ context.Context, batch []sinks.Record) error {
	time.Sleep(time.Millisecond)
	apply, err := s.world.at("send")
	if apply {
		s.world.mu.Lock()
		defer s.world.mu.Unlock()
		for _, r := range batch {
			n, _ := strconv.ParseInt(string(r.Body), 10, 64)
			s.counts[r.ID] = max(n, s.counts[r.ID])
		}
	}
	return err
}

// told is how many events all messages together stand for.
func (s *wall) told() (n int64) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	for _, count := range s.counts {
		n += count
	}
	return n
}

// digestJob is a job whose receiver tells digests; its groups are three.
func (w *world) digestJob(s *wall, suppress time.Duration) *Job {
	j := w.job("a")
	j.Receivers[0].Deliver = deliver.New(deliver.Options{
		Name: "a", Sink: s, Retry: deliver.Retry{Budget: 5 * time.Second, Initial: time.Second, Max: time.Second},
		Digest: &deliver.Digest{Options: digest.Options{Suppress: suppress, By: []digest.Field{{
			Name: "group", Value: func(ev *event.Event) (string, error) { return ev.ResourceVersion[len(ev.ResourceVersion)-1:], nil },
		}}}},
	})
	return j
}

func newWall(w *world) *wall {
	return &wall{service: service{world: w, name: "a"}, counts: map[string]int64{}}
}

// However a run dies, no cursor passes an event that no message stands for, and
// after one more run the totals are right: a message that came twice has one ID.
func TestFaultsOfDigests(t *testing.T) {
	for _, step := range []string{"load", "commit", "position", "read", "send"} {
		for _, applied := range []bool{true, false} {
			for _, kill := range []bool{false, true} {
				for occurrence := 1; occurrence <= 6; occurrence++ {
					t.Run(fmt.Sprintf("%s %d/applied=%v/kill=%v", step, occurrence, applied, kill), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { breakADigest(t, step, occurrence, applied, kill) })
					})
				}
			}
		}
	}
}

func breakADigest(t *testing.T, step string, occurrence int, applied, kill bool) {
	w := newWorld(t, 0)
	s := newWall(w)
	_, err := w.digestJob(s, 0).Once(w.phases())
	require.NoError(t, err)
	w.add(12)
	seen := 0
	w.fault = func(name string) (bool, error) {
		if name != step {
			return true, nil
		}
		if seen++; seen != occurrence {
			return true, nil
		}
		w.dead = kill
		return applied, errBroken
	}
	_, _ = w.digestJob(s, 0).Once(w.phases())
	w.fault = nil
	passed, _ := strconv.ParseInt(w.stored("a"), 10, 64)
	require.GreaterOrEqual(t, s.told(), passed, "the checkpoint has passed events that were not told")

	time.Sleep(time.Minute) // the lease of a killed run
	w.add(5)
	report, err := w.digestJob(s, 0).Once(w.phases())
	require.NoError(t, err)
	assert.True(t, report.CaughtUp)
	assert.Zero(t, report.Receivers["a"].Owed)
	assert.EqualValues(t, 17, s.told())
	assert.Equal(t, "17", w.stored("a"))
}

// What is held back is held back in the next process too, and is accounted for.
func TestSuppressionSurvivesTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0)
		s := newWall(w)
		_, err := w.digestJob(s, time.Hour).Once(w.phases())
		require.NoError(t, err)
		w.add(9)
		report, err := w.digestJob(s, time.Hour).Once(w.phases())
		require.NoError(t, err)
		assert.EqualValues(t, 9, report.Receivers["a"].Grouped)
		w.add(9)
		time.Sleep(59 * time.Minute)
		j := w.digestJob(s, time.Hour)
		report, err = j.Once(w.phases())
		require.NoError(t, err)
		assert.Zero(t, j.Status()[0].Owed, "what is seen while it runs")
		// 10 is of a group of its own, 11 to 18 are of those that were told.
		assert.EqualValues(t, 8, report.Receivers["a"].Suppressed)
		assert.EqualValues(t, 1, report.Receivers["a"].Grouped)
		assert.Zero(t, report.Receivers["a"].Owed)
		assert.Equal(t, "18", w.stored("a"))
		assert.EqualValues(t, 10, s.told())
	})
}

// After a reset the same events come again: what was counted is not counted twice.
func TestAResetKeepsTheMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0)
		s := newWall(w)
		_, err := w.digestJob(s, 0).Once(w.phases())
		require.NoError(t, err)
		w.add(9)
		_, err = w.digestJob(s, 0).Once(w.phases())
		require.NoError(t, err)
		before := w.checkpoint().Clusters[w.cluster]["a"].State
		require.NotEmpty(t, before)

		j := w.digestJob(s, 0)
		j.Source = resetSource{w, true}
		_, err = j.Once(w.phases())
		require.Error(t, err, "it dies once the rewound cursors are committed")
		require.Equal(t, "0", w.stored("a"))

		j = w.digestJob(s, 0)
		j.Source = resetSource{w, false}
		report, err := j.Once(w.phases())
		require.NoError(t, err)
		require.NotNil(t, report.Reset)
		assert.EqualValues(t, 9, report.EventsRead)
		assert.EqualValues(t, 9, s.told())
	})
}

// A memory that changed while its cursor was committed is committed too.
func TestANewerMemoryOfTheSameCursorIsCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		var c *committer
		first := true
		w.fault = func(step string) (bool, error) {
			if step == "commit" && first && c.cluster != "" {
				first = false
				c.settled("a", state.Cursor{ResourceVersion: "3", State: []byte("newer")})
			}
			return true, nil
		}
		c = newCommitter(w.job("a"), nil)
		require.NoError(t, c.acquire(t.Context(), false))
		c.cluster = w.cluster
		c.settled("a", state.Cursor{ResourceVersion: "3", State: []byte("older")})
		require.NoError(t, c.commit(t.Context(), false))
		require.NoError(t, c.finish(t.Context()))
		assert.Equal(t, "newer", string(w.checkpoint().Clusters[w.cluster]["a"].State))
	})
}
