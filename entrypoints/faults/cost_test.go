package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/proving"
)

// Several namespaces are read at one version, which a watch cannot do: that is
// how the same events are read in windows.
const costConfig = `
checkpoint: {file: {path: checkpoint.json}}
source: {start: oldest, namespaces: [%s]}
route: {routes: [{match: [{receiver: hook}]}]}
receivers:
- name: hook
  webhook: {endpoint: %q, batch: {mode: ndjson, size: 500}}
`

const (
	repeats = 3 // of each measurement, of which the median counts
	growth  = 10
)

// TestReplayCostsByWhatIsNew reads the same new events beside few and beside ten
// times as many retained ones, once by replay and once in windows. The table in
// core/source's README is what it prints.
func TestReplayCostsByWhatIsNew(t *testing.T) {
	retained := 300
	if os.Getenv("LIVE") == "all" { // most of it is the writing of 100,000 events
		retained = 10_000
	}
	fresh := retained / 5
	s := newScales(t)
	few := s.weigh(t, retained, fresh)
	many := s.weigh(t, growth*retained-few.retained, fresh)
	for _, at := range []weights{few, many} {
		t.Logf("%d retained, %d new: replay %s; windows %s", at.retained, fresh, at.replay, at.windows)
	}
	assert.Less(t, float64(many.replay.bytes), 1.3*float64(few.replay.bytes), "it does not grow with what is retained")
	assert.Less(t, 10*many.replay.bytes, many.windows.bytes)
}

// weights are what the two ways to read cost on the same data.
type weights struct {
	retained        int // the new ones included
	replay, windows weight
}

// weight is what one run cost.
type weight struct {
	bytes, requests       int64
	wall, apiServer, etcd time.Duration // the latter two of CPU
}

func (w weight) String() string {
	return fmt.Sprintf("%d bytes in %d requests, %s, CPU of the API server %s, of etcd %s", w.bytes, w.requests, w.wall, w.apiServer, w.etcd)
}

// scales measure runs of the command.
type scales struct {
	command
	cluster         *local.Cluster
	clusterDir      string
	replay, windows string // configurations
	retained        int
	hook            *hook
}

func newScales(t *testing.T) *scales {
	t.Helper()
	s := &scales{clusterDir: t.TempDir(), hook: newHook(t)}
	s.cluster = localtest.Start(t, local.Options{Dir: s.clusterDir})
	s.command = command{binary: proving.Build(t), dir: t.TempDir(), kubeconfig: s.cluster.Kubeconfig(local.Admin)}
	s.replay = writeConfig(t, s.dir, "replay.yaml", fmt.Sprintf(costConfig, "", s.hook.URL))
	s.windows = writeConfig(t, s.dir, "windows.yaml", fmt.Sprintf(costConfig, namespace+", default", s.hook.URL))
	require.NoError(t, load.Namespace(t.Context(), s.cluster.Client(), namespace))
	return s
}

// weigh writes old events, delivers them, writes new ones, and measures how those
// are delivered, each time from the same checkpoint.
func (s *scales) weigh(t *testing.T, old, fresh int) weights {
	t.Helper()
	s.write(t, old)
	o, err := s.run(t.Context(), s.replay)
	require.NoError(t, err)
	require.True(t, o.report.CaughtUp, "%s", o)
	path := filepath.Join(s.dir, "checkpoint.json")
	checkpoint, err := os.ReadFile(path)
	require.NoError(t, err)
	s.write(t, fresh)

	var replays, windows []weight
	for range repeats {
		for _, way := range []struct {
			config, read string
			weights      *[]weight
		}{{s.replay, "replay", &replays}, {s.windows, "windows", &windows}} {
			require.NoError(t, os.WriteFile(path, checkpoint, 0o600))
			*way.weights = append(*way.weights, s.measure(t, way.config, way.read, fresh))
		}
	}
	return weights{retained: s.retained, replay: median(replays), windows: median(windows)}
}

func (s *scales) write(t *testing.T, n int) {
	t.Helper()
	_, err := load.Create(t.Context(), s.cluster.Client(), namespace, n)
	require.NoError(t, err)
	s.retained += n
}

func (s *scales) measure(t *testing.T, config, read string, fresh int) weight {
	t.Helper()
	apiServer, etcd := s.cpu(t, local.APIServer), s.cpu(t, local.Etcd)
	o, err := s.run(t.Context(), config)
	require.NoError(t, err)
	require.True(t, o.report.CaughtUp, "%s", o)
	require.Equal(t, read, o.report.Read, "%s", o)
	require.EqualValues(t, fresh, o.report.Receivers["hook"].Delivered, "%s", o)
	return weight{
		bytes: o.report.BytesRead, requests: o.report.Requests,
		wall:      time.Duration(o.report.DurationMs) * time.Millisecond,
		apiServer: s.cpu(t, local.APIServer) - apiServer, etcd: s.cpu(t, local.Etcd) - etcd,
	}
}

// cpu is the time that a server has used, 0 where the system does not say it as
// Linux does.
func (s *scales) cpu(t *testing.T, server local.Server) time.Duration {
	t.Helper()
	pid, err := os.ReadFile(filepath.Join(s.clusterDir, string(server)+".pid"))
	require.NoError(t, err)
	stat, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(pid)), "stat"))
	if err != nil {
		return 0
	}
	// After the name, which may hold blanks, utime and stime are the 12th and 13th field, in hundredths of a second.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		require.NoError(t, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// median takes each figure's own.
func median(all []weight) (m weight) {
	m = all[0]
	m.bytes = middle(all, func(w weight) int64 { return w.bytes })
	m.wall = time.Duration(middle(all, func(w weight) int64 { return int64(w.wall) }))
	m.apiServer = time.Duration(middle(all, func(w weight) int64 { return int64(w.apiServer) }))
	m.etcd = time.Duration(middle(all, func(w weight) int64 { return int64(w.etcd) }))
	return m
}

func middle(all []weight, of func(weight) int64) int64 {
	var values []int64
	for _, w := range all {
		values = append(values, of(w))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
