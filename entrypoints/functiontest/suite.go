package functiontest

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
)

// enough is for invocations that no test cuts short.
const enough = time.Minute

// Run runs the suite.
func Run(t *testing.T, cluster *local.Cluster, p Platform) {
	for name, test := range map[string]func(t *testing.T, cluster *local.Cluster, p Platform){
		"ColdThenWarm":                    coldThenWarm,
		"NothingRunsOnAfterTheAnswer":     nothingRunsOn,
		"DeadlineLeavesTheRestOwed":       deadline,
		"ErrorOnlyWhenOwedByAnError":      failingReceiver,
		"AnotherRunAtWorkIsNoError":       leaseHeld,
		"WrongConfigurationIsToldWhenRun": wrongConfiguration,
		"ThePayloadLimitsTheRun":          payload,
		"SIGTERMEndsTheRunWell":           terminated,
	} {
		t.Run(name, func(t *testing.T) { test(t, cluster, p) })
	}
}

func coldThenWarm(t *testing.T, cluster *local.Cluster, p Platform) {
	w := NewWorld(t, cluster, p, "logLevel: debug")
	first := w.Write(30)
	instance := w.Start(enough)
	cold := w.Report(instance)
	assert.True(t, cold.CaughtUp)
	assert.EqualValues(t, 30, cold.Receivers["hook"].Delivered)
	assert.ElementsMatch(t, first, w.Hook.Take())

	second := w.Write(7)
	warm := w.Report(instance)
	assert.True(t, warm.CaughtUp)
	assert.EqualValues(t, 7, warm.Receivers["hook"].Delivered)
	assert.ElementsMatch(t, second, w.Hook.Take())
	assert.Positive(t, warm.Requests)

	none := w.Report(instance)
	assert.True(t, none.CaughtUp)
	assert.Empty(t, w.Hook.Take())
	assert.LessOrEqual(t, none.Requests, warm.Requests, "a Report counts its own run, not those before")
	assert.Equal(t, 3, strings.Count(instance.Log(t), `"run ended"`), "each run is logged with its Report")

	other := w.Start(enough)
	assert.Zero(t, w.Report(other).Receivers["hook"].Delivered, "another process goes on from the checkpoint")
	assert.Empty(t, w.Hook.Take())
}

func nothingRunsOn(t *testing.T, cluster *local.Cluster, p Platform) {
	w := NewWorld(t, cluster, p, "")
	instance := w.Start(enough)
	for range 3 {
		w.Write(5)
		w.Report(instance)
	}
	time.Sleep(100 * time.Millisecond) // what has been closed ends
	running := instance.Goroutines(t)
	for what, want := range map[string]int{
		"github.com/packetboat/":        0,                    // something of ours
		"lientConnReadLoop":             0,                    // HTTP/2, as with the cluster
		"http.(*persistConn).readLoop(": instance.Connections, // HTTP/1
	} {
		// Fewer is fine: a service may close an idle connection itself.
		if strings.Count(running, what) > want {
			assert.Failf(t, "something runs on after the answer", "%s: want at most %d in\n%s", what, want, running)
		}
	}
}

func deadline(t *testing.T, cluster *local.Cluster, p Platform) {
	// A page is what can be committed, so that here each event can be.
	w := NewWorld(t, cluster, p, "source: {pageBytes: 1}")
	written := w.Write(12)
	w.Hook.Delay.Store(int64(800 * time.Millisecond))
	instance := w.Start(5 * time.Second)
	cut := w.Report(instance)
	assert.False(t, cut.CaughtUp)
	assert.Nil(t, cut.LeaseHeldBy)
	hook := cut.Receivers["hook"]
	require.Positive(t, hook.Delivered)
	require.Less(t, hook.Delivered, int64(12))
	assert.Positive(t, hook.Owed, "what was read and could not be sent any more")

	w.Hook.Delay.Store(0)
	rest := w.Report(instance)
	assert.True(t, rest.CaughtUp)
	assert.EqualValues(t, 12, hook.Delivered+rest.Receivers["hook"].Delivered, "the next run begins where this one stopped")
	came := map[string]int{}
	for _, uid := range w.Hook.Take() {
		came[uid]++
	}
	again := 0
	for _, uid := range written {
		require.Contains(t, came, uid)
		again += came[uid] - 1
	}
	assert.LessOrEqual(t, again, 1, "twice came at most what was in flight at the end")
}

func failingReceiver(t *testing.T, cluster *local.Cluster, p Platform) {
	w := NewWorld(t, cluster, p, "delivery: {retry: {budget: 200ms, initial: 20ms, max: 50ms}}")
	written := w.Write(10)
	w.Hook.Status.Store(http.StatusInternalServerError)
	instance := w.Start(enough)
	answer, err := instance.Invoke()
	require.NoError(t, err)
	require.Truef(t, answer.Failed, "answer: %s", answer.Body)
	assert.False(t, answer.Late)
	assert.Contains(t, string(answer.Body), "receiver hook")
	assert.Contains(t, string(answer.Body), "500")
	assert.Contains(t, instance.Log(t), `"owed":10`, "the log has the Report")

	w.Hook.Status.Store(http.StatusOK)
	w.Hook.Take()
	assert.EqualValues(t, 10, w.Report(instance).Receivers["hook"].Delivered)
	assert.ElementsMatch(t, written, w.Hook.Take())
}

func leaseHeld(t *testing.T, cluster *local.Cluster, p Platform) {
	w := NewWorld(t, cluster, p, "")
	written := w.Write(3)
	w.Hook.Delay.Store(int64(3 * time.Second))
	working, other := w.Start(enough), w.Start(enough)
	answers := make(chan Answer, 1)
	go func() {
		answer, err := working.Invoke()
		assert.NoError(t, err)
		answers <- answer
	}()
	<-w.Hook.Arrived
	held := w.Report(other)
	require.NotNil(t, held.LeaseHeldBy)
	assert.False(t, held.CaughtUp)
	w.Hook.Delay.Store(0)
	answer := <-answers
	require.False(t, answer.Failed)
	assert.EqualValues(t, 3, answer.Report(t).Receivers["hook"].Delivered)
	assert.ElementsMatch(t, written, w.Hook.Take())
}

func wrongConfiguration(t *testing.T, cluster *local.Cluster, p Platform) {
	w := NewWorld(t, cluster, p, "logLevel: [")
	instance := w.Start(enough)
	answer, err := instance.Invoke()
	require.NoError(t, err)
	require.True(t, answer.Failed)
	assert.Contains(t, string(answer.Body), "config.yaml:")
	assert.Contains(t, instance.Log(t), "config.yaml:")

	// The same process works as soon as it can.
	right := NewWorld(t, cluster, p, "")
	text, err := os.ReadFile(right.config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.config, text, 0o600))
	assert.True(t, right.Report(instance).CaughtUp)
}
