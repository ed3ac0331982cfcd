package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/proving"
	"github.com/packetboat/packetboat/state"
)

const config = `
leaderElection: {enabled: true, leaderElectionID: soak, namespace: default, leaseDuration: %[1]s, renewDeadline: %[2]s, retryPeriod: %[3]s}
checkpoint: {configMap: {namespace: default, name: soak}}
source: {start: oldest, eventTTL: %[4]s}
watch: {commitInterval: %[5]s, heartbeat: %[6]s}
delivery: {timeout: 5s, retry: {budget: 5s, initial: 100ms, max: 1s}}
route: {routes: [{match: [{receiver: good}, {receiver: out}, {receiver: slow}, {receiver: file}]}]}
receivers:
- {name: good, webhook: {endpoint: %[7]q, batch: {mode: ndjson, size: 50}}}
- {name: out, webhook: {endpoint: %[8]q, batch: {mode: ndjson, size: 50}}}
- {name: slow, webhook: {endpoint: %[9]q, batch: {mode: ndjson, size: 100}}}
- {name: file, file: {path: events.json, maxsize: 10000}}
`

// scale is how long everything takes in a soak of some length.
type scale struct {
	lasts      time.Duration
	ttl        time.Duration
	compaction time.Duration
	lease      time.Duration
	commit     time.Duration
	outage     time.Duration
	calm       time.Duration // between two faults, about
}

func scaleOf(lasts time.Duration) scale {
	return scale{
		lasts: lasts, ttl: max(20*time.Second, lasts*3/20).Round(time.Second), compaction: max(5*time.Second, lasts/60),
		lease: min(15*time.Second, max(3*time.Second, lasts/80)).Round(time.Second), commit: min(5*time.Second, max(time.Second, lasts/240)),
		outage: lasts / 4, calm: max(time.Second, lasts/100),
	}
}

// soak is a cluster, the processes and all that is known of them.
type soak struct {
	scale
	random   *rand.Rand
	began    time.Time
	cluster  *local.Cluster
	known    *history
	recorder *recorder
	writer   *writer
	replicas *replicas
	observer *observer

	good, out, slow *hook
	file            *arrivals

	happened   map[string]int             // faults
	took       map[string][]time.Duration // until events were delivered again
	endedOwing int
}

func TestSoak(t *testing.T) {
	lasts := 25 * time.Second
	if os.Getenv("LIVE") != "" {
		lasts = 2 * time.Minute
	}
	if given := os.Getenv("SOAK"); given != "" {
		var err error
		lasts, err = time.ParseDuration(given)
		require.NoError(t, err)
	}
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("SOAK_SEED"); given != "" {
		var err error
		seed, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("SOAK=%s SOAK_SEED=%d", lasts, seed)
	s := newSoak(t, scaleOf(lasts), seed)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	writing, stopWriting := context.WithCancel(ctx)
	var background errgroup.Group
	background.Go(func() error { return s.recorder.run(ctx) })
	background.Go(func() error { return s.observer.run(ctx) })
	background.Go(func() error { return s.file.tail(ctx, filepath.Join(s.replicas.dir, "events.json")) })
	background.Go(func() error { s.outageOf(ctx, s.out); return nil })
	written := make(chan error, 1)
	go func() { written <- s.writer.run(writing) }()

	for range 3 {
		s.replicas.start(t)
	}
	s.leader(t, nil)
	s.live(t)
	stopWriting()
	require.NoError(t, <-written)
	s.out.out(false)
	upTo := s.catchUp(t)
	for _, r := range s.replicas.all() {
		s.observer.mustLook(t, r)
	}
	s.replicas.requireAlive(t)
	for _, r := range s.replicas.all() {
		require.Zero(t, s.replicas.end(t, r), "nothing is owed any more: %s: %s", r.name, r.lastLines(20))
	}
	cancel()
	require.NoError(t, background.Wait())
	s.judge(t, upTo)
}

func newSoak(t *testing.T, sc scale, seed uint64) *soak {
	t.Helper()
	s := &soak{
		scale: sc, random: rand.New(rand.NewPCG(seed, 0)), known: newHistory(), file: newArrivals(),
		happened: map[string]int{}, took: map[string][]time.Duration{},
	}
	binary := proving.Build(t)
	s.cluster = localtest.Start(t, local.Options{EventTTL: s.ttl, CompactionInterval: s.compaction, Controllers: true})
	s.good, s.out, s.slow = newHook(t, 0), newHook(t, 0), newHook(t, time.Second)
	s.recorder = newRecorder(t, s.cluster, s.known)
	s.writer = newWriter(t, s.cluster.Client(), s.known, seed, s.ttl)
	dir := t.TempDir()
	s.replicas = &replicas{binary: binary, dir: dir, config: filepath.Join(dir, "config.yaml"), kubeconfig: s.cluster.Kubeconfig(local.Admin)}
	text := fmt.Sprintf(config, s.lease, s.lease*2/3, s.lease/10, s.ttl, s.commit, s.ttl/6, s.good.URL, s.out.URL, s.slow.URL)
	require.NoError(t, os.WriteFile(s.replicas.config, []byte(text), 0o600))
	s.observer = newObserver(t, s.replicas)
	s.began = time.Now()
	t.Logf("event TTL %s, compaction every %s, leadership %s, one receiver out for %s", s.ttl, s.compaction, s.lease, s.outage)
	return s
}

// outageOf lets a service be out for a quarter of the time.
func (s *soak) outageOf(ctx context.Context, h *hook) {
	wait(ctx, s.lasts/5)
	h.out(true)
	wait(ctx, s.outage)
	h.out(false)
}

// catchUp waits until every receiver's committed cursor has passed all that was
// written, and returns what that is. A receiver that was out for long is opened
// again after at most five minutes.
func (s *soak) catchUp(t *testing.T) (upTo uint64) {
	t.Helper()
	upTo = s.known.newest()
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Minute+hung, errors.New("a receiver does not catch up"))
	defer cancel()
	for {
		behind, err := s.behind(ctx, upTo)
		require.NoError(t, ctx.Err(), "%s: behind: %v, %v", context.Cause(ctx), behind, err)
		if err == nil && len(behind) == 0 && s.recorder.recorded() >= upTo {
			t.Logf("everybody has caught up %s after the last write", time.Since(began).Round(100*time.Millisecond))
			return upTo
		}
		wait(ctx, 200*time.Millisecond)
	}
}

// behind are the receivers that the checkpoint says are owed something.
func (s *soak) behind(ctx context.Context, upTo uint64) (names []string, _ error) {
	var stored struct {
		Data map[string]string `json:"data"`
	}
	if err := s.cluster.Client().Get(ctx, "/api/v1/namespaces/default/configmaps/soak", &stored); err != nil {
		return nil, err
	}
	checkpoint, err := state.Decode([]byte(stored.Data["checkpoint.json"]))
	if err != nil {
		return nil, err
	}
	for _, cursors := range checkpoint.Clusters {
		for name, cursor := range cursors {
			version, err := strconv.ParseUint(cursor.ResourceVersion, 10, 64)
			if err != nil {
				return nil, err
			}
			if version < upTo {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// judge compares and prints.
func (s *soak) judge(t *testing.T, upTo uint64) {
	t.Helper()
	passes, gaps := s.observer.said()
	j := judge{objects: s.known.copy(), upTo: upTo, passes: passes, gaps: gaps, blindTo: s.recorder.blindTo}
	events, versions := 0, 0
	for _, o := range j.objects {
		if !o.marker {
			events, versions = events+1, versions+len(o.seen)
		}
	}
	controllers := versions - s.writer.counts.versions
	assert.Positive(t, controllers, "the controllers have written too")
	t.Logf("%d events in %d versions were written, %d of them by controllers; the writer created %d, updated %d, deleted %d, and asked after %d of its writes",
		events, versions, controllers, s.writer.counts.created, s.writer.counts.updated, s.writer.counts.deleted, s.writer.counts.unanswered)
	for _, r := range []struct {
		name string
		came *arrivals
	}{{"good", s.good.arrivals}, {"out", s.out.arrivals}, {"slow", s.slow.arrivals}, {"file", s.file}} {
		v := j.on(r.came)
		t.Logf("%-5s %s", r.name, v)
		if lags := j.lags(r.came); len(lags) > 0 {
			t.Logf("      came after %s (half), %s (nine of ten), %s (99 of 100), %s (all)",
				lags[len(lags)/2], lags[len(lags)*9/10], lags[len(lags)*99/100], lags[len(lags)-1])
		}
		assert.NoError(t, v.err(), r.name)
		assert.Positive(t, v.delivered, r.name)
	}
	t.Logf("%d reads in windows, %d by replay, %d following; %d gaps, %d compactions met; %d blind spots of the recorder",
		int(s.observer.total(windowsPass)), int(s.observer.total(`packetboat_source_reads_total{mode="replay"}`)),
		int(s.observer.total(`packetboat_source_reads_total{mode="following"}`)), int(s.observer.total(gapCount)),
		int(s.observer.total("packetboat_source_compactions_total")), len(s.recorder.blind))
	t.Logf("turned away: %d by the receiver that was out, %d by the slow one; %d of the replicas that were replaced ended while something was owed",
		s.out.turnedAway, s.slow.turnedAway, s.endedOwing)
	for _, what := range slices.Sorted(maps.Keys(s.happened)) {
		t.Logf("%d times: %s", s.happened[what], what)
	}
	for _, what := range slices.Sorted(maps.Keys(s.took)) {
		text, _ := json.Marshal(durations(s.took[what]))
		t.Logf("events were delivered again %s: %s", what, strings.ReplaceAll(string(text), `"`, ""))
	}
	assert.Zero(t, s.observer.total("packetboat_source_resets_total"), "no history was rewritten")
	for _, never := range []string{"refused", "dead_lettered", "lost"} {
		assert.Zero(t, s.observer.total("packetboat_receiver_events_"+never+"_total"), never)
	}
	assert.Positive(t, s.out.turnedAway, "one receiver was out")
	assert.Positive(t, s.slow.turnedAway, "one receiver was too slow")
	s.judgeUsage(t)
}

func durations(all []time.Duration) (text []string) {
	for _, d := range all {
		text = append(text, d.String())
	}
	return text
}

// judgeUsage: what a leader uses at the end of its time is what it used in the
// beginning. Twice the heap is the collector's own choice; what is left behind by
// every batch or every fault is far more.
func (s *soak) judgeUsage(t *testing.T) {
	t.Helper()
	all := s.observer.used()
	require.NotEmpty(t, all)
	var longest string
	for replica, used := range all {
		if len(used) > len(all[longest]) {
			longest = replica
		}
		first, last := used[min(5, len(used)-1)], used[len(used)-1]
		assert.LessOrEqual(t, last.goroutines, first.goroutines+20, replica)
		assert.LessOrEqual(t, last.descriptors, first.descriptors+20, replica)
		assert.LessOrEqual(t, last.heap, 2*first.heap+32, replica)
		assert.LessOrEqual(t, last.resident, 2*first.resident+64, replica)
	}
	used := all[longest]
	t.Logf("%s led for longest, in the beginning with %s", longest, used[min(5, len(used)-1)])
	t.Logf("  at the end with %s", used[len(used)-1])
	t.Logf("  with at most    %s", most(used))
}

func most(all []usage) (m usage) {
	for _, u := range all {
		m.goroutines, m.descriptors = max(m.goroutines, u.goroutines), max(m.descriptors, u.descriptors)
		m.heap, m.resident = max(m.heap, u.heap), max(m.resident, u.resident)
	}
	return m
}
