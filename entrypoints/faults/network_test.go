package faults

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/entrypoints/proving"
)

// hookConfig gives up soon: a run is to end while its receiver cannot be reached.
const hookConfig = `
checkpoint: %s
source: {start: oldest}
delivery: {timeout: 500ms, retry: {budget: 1s, initial: 20ms, max: 200ms}}
route: {routes: [{match: [{receiver: hook}]}]}
receivers:
- name: hook
  webhook: {endpoint: %q, batch: {mode: ndjson, size: 5}}
`

// runsWithFaults is how many runs the network is disturbed for, and how long each
// may take.
func runsWithFaults(live string) (runs int, deadline string) {
	switch live {
	case "":
		return 5, "4s"
	case "all":
		return 200, "10s"
	}
	return 20, "10s"
}

func seedOf(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if given := os.Getenv("FAULTS_SEED"); given != "" {
		var err error
		n, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("FAULTS_SEED=%d", n)
	return n
}

// TestNothingIsLost has one cluster for everything that needs no other.
func TestNothingIsLost(t *testing.T) {
	binary, cluster := proving.Build(t), localtest.Start(t, local.Options{})
	stores := peers.StartS3(t)
	live := os.Getenv("LIVE")
	all, deadline := runsWithFaults(live)
	lasts := 10 * time.Second
	if live == "all" {
		lasts = time.Minute
	}
	for _, store := range stores {
		t.Run("faults of the network, "+store.Name, func(t *testing.T) {
			disturbed(t, binary, cluster, store, all/len(stores), deadline)
		})
		t.Run("overlapping runs, "+store.Name, func(t *testing.T) { overlap(t, binary, cluster, store, lasts) })
	}
}

// disturbed disturbs the connections to the API server, to the checkpoint and to
// the receiver while runs go on and events are written. A run may fail then; the
// run after the last fault has delivered everything.
func disturbed(t *testing.T, binary string, cluster *local.Cluster, store peers.S3, runs int, deadline string) {
	seed := seedOf(t)
	hook, network, checkpoint := newHook(t), newProxies(t), newObject(t, store)
	dir := t.TempDir()
	c := command{binary: binary, dir: dir, env: checkpoint.env()}
	c.kubeconfig = kubeconfigAt(t, cluster, dir, network.before(t, "kubernetes", cluster.URL()))
	config := writeConfig(t, dir, "config.yaml", fmt.Sprintf(hookConfig,
		checkpoint.config(network.before(t, "checkpoint", store.Endpoint)), network.before(t, "hook", hook.URL)))

	// What another test has written was delivered to another receiver.
	clearEvents(t, cluster)
	w := newWriter(t, cluster, 200*time.Millisecond)
	stopWriting, calm := w.start(t.Context()), network.disturb(t.Context(), seed)
	var codes [2]int
	leases, caughtUp := 0, 0
	for range runs {
		o, err := c.run(t.Context(), config, "--deadline", deadline)
		require.NoError(t, err)
		require.Contains(t, []int{0, 1}, o.code, "%s", o)
		requireNothingGivenUp(t, o)
		codes[o.code]++
		if o.report.CaughtUp {
			caughtUp++
		}
		if checkpoint.endLease(t) {
			leases++
		}
	}
	require.NoError(t, stopWriting())
	faults, err := calm()
	require.NoError(t, err)
	require.NoError(t, network.heal(t.Context()))
	require.NotEmpty(t, faults)

	o, err := c.run(t.Context(), config)
	require.NoError(t, err)
	require.Zero(t, o.code, "%s", o)
	require.True(t, o.report.CaughtUp, "%s", o)
	requireNothingGivenUp(t, o)
	came, _ := hook.arrived()
	assert.NoError(t, w.check(came))
	t.Logf("%d runs: %d ended with 0, %d with 1, %d caught up, %d left a lease behind", runs, codes[0], codes[1], caughtUp, leases)
	t.Logf("%d events written, %d of them came again, the last run delivered %d; faults: %v",
		len(w.latest), again(came), o.report.Receivers["hook"].Delivered, faults)
}

// requireNothingGivenUp: no fault of a network is a reason to refuse an event, or
// to take the history for a rewritten one.
func requireNothingGivenUp(t *testing.T, o outcome) {
	t.Helper()
	require.Nil(t, o.report.Reset, "%s", o)
	require.Nil(t, o.report.Gap, "%s", o)
	if hook := o.report.Receivers["hook"]; hook != nil {
		require.Zero(t, hook.Refused, "%s", o)
		require.Zero(t, hook.Lost, "%s", o)
	}
}

// kubeconfigAt is the administrator's, for another address of the API server.
func kubeconfigAt(t *testing.T, cluster *local.Cluster, dir, address string) (path string) {
	t.Helper()
	text, err := os.ReadFile(cluster.Kubeconfig(local.Admin))
	require.NoError(t, err)
	require.Contains(t, string(text), cluster.URL())
	return writeConfig(t, dir, "kubeconfig", strings.ReplaceAll(string(text), cluster.URL(), address))
}
