package run

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/mem"
)

// split is a world whose cluster is delivered in parts, each from a checkpoint of
// its own.
type split struct {
	*world
	storages map[string]*mem.Storage
}

func newSplit(t *testing.T) *split { return &split{newWorld(t, 0), map[string]*mem.Storage{}} }

func (s *split) write(n int) {
	before := len(s.events)
	s.add(n)
	for i, ev := range s.events[before:] {
		ev.Namespace = fmt.Sprintf("namespace-%d", (before+i)%7)
	}
}

func (s *split) open(shard source.Shard) (state.Store, error) {
	name := shard.String()
	if s.storages[name] == nil {
		s.storages[name] = &mem.Storage{}
	}
	return mem.Open(s.storages[name], func(op mem.Op, _ state.Checkpoint) (bool, error) { return s.at(string(op)) }), nil
}

// part reads of the cluster what a shard has.
type part struct {
	*world
	shard source.Shard
}

func (p part) Since(ctx context.Context, from state.Cursor) iter.Seq2[source.Page, error] {
	return func(yield func(source.Page, error) bool) {
		for page, err := range p.world.Since(ctx, from) {
			all := page.Events
			page.Events = nil
			for _, ev := range all {
				if p.shard.Has(ev.Namespace) {
					page.Events = append(page.Events, ev)
				}
			}
			if !yield(page, err) {
				return
			}
		}
	}
}

// run makes the run of a shard in a new process.
func (s *split) run(shard source.Shard) (Report, error) {
	j := s.job("machines", "people")
	j.Receivers[1].Start = sinks.Now
	j.Source, j.Again = part{s.world, shard}, nil
	j.Store, _ = s.open(shard)
	j.Shards = Shards{Shard: shard, Open: s.open}
	return j.Once(s.phases())
}

func (s *split) runAll(of int) {
	for i := range of {
		report, err := s.run(source.Shard{Index: i, Of: of})
		require.NoError(s.t, err)
		require.True(s.t, report.CaughtUp)
	}
}

// TestAnotherNumberOfShardsLosesNothing changes the number of shards at any
// time, with runs that die anywhere, and with shards that have not run yet.
func TestAnotherNumberOfShardsLosesNothing(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { splitAnew(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func splitAnew(t *testing.T, random *rand.Rand) {
	s := newSplit(t)
	of := 1 + random.IntN(4)
	s.write(3)
	s.runAll(of) // so that people have begun
	for range 1 + random.IntN(8) {
		s.write(random.IntN(7))
		if random.IntN(2) == 0 {
			of = 1 + random.IntN(5)
		}
		s.runAndDie(source.Shard{Index: random.IntN(of), Of: of}, random.IntN(25))
	}
	s.runAll(of)
	for i, ev := range s.events {
		require.Contains(t, s.got["machines"], ev.ID())
		if i >= 3 {
			require.Contains(t, s.got["people"], ev.ID())
		}
	}
	require.Len(t, s.got["machines"], len(s.events), "an event under another ID")
	before := fmt.Sprint(s.got)
	s.runAll(of)
	require.Equal(t, before, fmt.Sprint(s.got), "who has settled everything sends nothing again")
}

// runAndDie makes a run that dies after so many steps, and lets its leases end.
func (s *split) runAndDie(shard source.Shard, steps int) {
	s.fault = func(string) (bool, error) {
		if steps--; steps < 0 {
			s.dead = true
			return false, errKilled
		}
		return true, nil
	}
	_, _ = s.run(shard)
	s.fault = nil
	time.Sleep(time.Minute)
}

func TestShardsBeginWhereTheSlowestOldOneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSplit(t)
		s.write(10)
		s.runAll(2)
		s.write(10)
		_, err := s.run(source.Shard{Index: 0, Of: 2}) // 1/2 stays at 10
		require.NoError(t, err)
		s.runAll(3)
		for i, ev := range s.events {
			want := 1
			if i >= 10 && (source.Shard{Index: 0, Of: 2}).Has(ev.Namespace) {
				want = 2 // it was after the slowest
			}
			assert.Equal(t, want, s.got["machines"][ev.ID()], ev.Namespace)
		}
	})
}

// What a shard left behind when the cluster had as many parts before is not its cursor now.
func TestAnEarlierSplitWithTheSameNumberIsNotGoneOnFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSplit(t)
		s.write(4)
		s.runAll(2)
		s.runAll(1)
		s.write(20)
		s.runAll(1)
		s.runAll(2)
		for _, ev := range s.events {
			assert.Equal(t, 1, s.got["machines"][ev.ID()])
		}
	})
}

// The first runs of all shards may come at once: one notes the split, the others
// wait for it.
func TestAllShardsBeginAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSplit(t)
		s.write(50)
		s.runAll(1)
		s.write(50)
		const of = 4
		for i := range of { // made here: the map is not for concurrent use
			_, _ = s.open(source.Shard{Index: i, Of: of})
		}
		reports := make(chan Report, of)
		for i := range of {
			go func() {
				report, err := s.run(source.Shard{Index: i, Of: of})
				assert.NoError(t, err)
				reports <- report
			}()
		}
		for range of {
			report := <-reports
			assert.True(t, report.CaughtUp, "%+v", report)
		}
		for _, ev := range s.events {
			assert.Equal(t, 1, s.got["machines"][ev.ID()])
		}
	})
}

// A run of the whole cluster is at work while the first run of a shard wants to split it.
func TestASplitWaitsForTheRunOfTheWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSplit(t)
		s.write(4)
		s.runAll(1)
		whole, err := s.open(source.Shard{})
		require.NoError(t, err)
		working, stop := context.WithTimeout(t.Context(), splitPatience/10)
		defer stop()
		held := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- Hold(t.Context(), whole, "the whole", s.job().Log, func(context.Context, func() error) error {
				close(held)
				<-working.Done()
				return nil
			})
		}()
		<-held
		report, err := s.run(source.Shard{Index: 1, Of: 2})
		require.NoError(t, err)
		require.NoError(t, <-done)
		assert.True(t, report.CaughtUp, "%+v", report)
		assert.Empty(t, s.part(1, 2).Lease.Holder)
	})
}

func (s *split) part(i, of int) state.Checkpoint {
	c, err := state.Decode(s.storages[source.Shard{Index: i, Of: of}.String()].Raw())
	require.NoError(s.t, err)
	return c
}

// A shard that did not know a receiver yet has sent nothing to it.
func TestAReceiverThatNotAllShardsKnowBeginsAtItsStart(t *testing.T) {
	j := &Job{Receivers: []Receiver{{Name: "oldest", Start: sinks.Oldest}, {Name: "now", Start: sinks.Now}}}
	knows := func(version string, names ...string) map[string]map[string]state.Cursor {
		cursors := map[string]state.Cursor{}
		for _, name := range names {
			cursors[name] = state.Cursor{ResourceVersion: version, State: []byte("of one part")}
		}
		return map[string]map[string]state.Cursor{"uid": cursors}
	}
	lowest := j.lowest([]map[string]map[string]state.Cursor{knows("9", "oldest", "now", "both"), knows("7", "both")})
	assert.Equal(t, map[string]map[string]state.Cursor{"uid": {"now": {ResourceVersion: "9"}, "both": {ResourceVersion: "7"}}}, lowest)
}
