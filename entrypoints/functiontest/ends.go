package functiontest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
)

// terminated: whoever shuts down says so, and waits a few seconds.
func terminated(t *testing.T, cluster *local.Cluster, p Platform) {
	w := NewWorld(t, cluster, p, "source: {pageBytes: 1}")
	written := w.Write(10)
	w.Hook.Delay.Store(int64(300 * time.Millisecond))
	instance := w.Start(enough)
	answers := make(chan Answer, 1)
	go func() {
		answer, err := instance.Invoke()
		assert.NoError(t, err)
		answers <- answer
	}()
	<-w.Hook.Arrived
	require.NoError(t, instance.Terminate())
	answer := <-answers
	require.False(t, answer.Failed)
	cut := answer.Report(t)
	assert.False(t, cut.CaughtUp)
	assert.Nil(t, cut.LeaseHeldBy)
	assert.Positive(t, cut.Receivers["hook"].Delivered, "what was on its way is delivered")

	w.Hook.Delay.Store(0)
	rest := w.Report(w.Start(enough)) // the lease has been given back
	assert.True(t, rest.CaughtUp)
	assert.EqualValues(t, 10, cut.Receivers["hook"].Delivered+rest.Receivers["hook"].Delivered)
	assert.ElementsMatch(t, written, w.Hook.Take(), "and committed, so that nothing comes twice")

	require.NoError(t, instance.Terminate())
	<-instance.Ended() // at once: nothing is at work
}

// payload: what it asks for is done, and what it cannot ask for is refused.
func payload(t *testing.T, cluster *local.Cluster, p Platform) {
	w := NewWorld(t, cluster, p, "source: {pageBytes: 1}")
	written := w.Write(12)
	instance := w.Start(enough)
	send := func(payload string) Answer {
		answer, err := instance.Send(payload)
		require.NoError(t, err)
		return answer
	}
	dry := send(`{"dryRun": true}`)
	require.Falsef(t, dry.Failed, "answer: %s", dry.Body)
	assert.True(t, dry.Report(t).DryRun)
	assert.EqualValues(t, 12, dry.Report(t).Receivers["hook"].Delivered)

	for wrong, says := range map[string]string{
		`{"dryrun": true}`:        `did you mean \"dryRun\"?`,
		`{"receivers": ["hooc"]}`: `did you mean \"hook\"?`,
		`{"deadline": 5}`:         "deadline: want a time",
	} {
		answer := send(wrong)
		assert.True(t, answer.Failed, wrong)
		assert.Contains(t, string(answer.Body), says)
	}
	assert.Empty(t, w.Hook.Take(), "nothing was sent so far")

	w.Hook.Delay.Store(int64(800 * time.Millisecond))
	short := send(`{"deadline": "4s", "receivers": ["hook"]}`)
	require.False(t, short.Failed)
	assert.False(t, short.Report(t).CaughtUp)
	w.Hook.Delay.Store(0)
	assert.True(t, w.Report(instance).CaughtUp)
	assert.Subset(t, w.Hook.Take(), written)
}

// leaseTime is what a lease lasts, and a little more.
const leaseTime = 31 * time.Second

// FrozenInARun freezes a process in the middle of a run. The returned test goes
// on when the lease is over; what is done until then costs no time.
func FrozenInARun(t *testing.T, cluster *local.Cluster, p Platform) (awake func(t *testing.T)) {
	t.Helper()
	w := NewWorld(t, cluster, p, "source: {pageBytes: 1}\ndelivery: {concurrency: 1}")
	written := w.Write(6)
	w.Hook.Delay.Store(int64(time.Second))
	frozen := w.Start(time.Hour)
	answers := make(chan Answer, 1)
	go func() {
		answer, _ := frozen.Invoke() // if it has none, it has no body
		answers <- answer
	}()
	<-w.Hook.Arrived
	require.NoError(t, frozen.Freeze())
	since := time.Now()

	return func(t *testing.T) {
		time.Sleep(time.Until(since.Add(leaseTime)))
		w.Hook.Delay.Store(0)
		other := w.Report(w.Start(enough))
		assert.True(t, other.CaughtUp, "the next run takes over")
		assert.EqualValues(t, 6, other.Receivers["hook"].Delivered)
		before := len(w.Hook.since(0))

		require.NoError(t, frozen.Thaw())
		answer := <-answers
		assert.True(t, answer.Failed)
		assert.Contains(t, string(answer.Body), "lease expired")
		assert.Empty(t, w.Hook.since(before), "it sends nothing more")
		assert.Subset(t, w.Hook.Take(), written)
		next := w.Report(frozen)
		assert.True(t, next.CaughtUp, "the same process works on")
		assert.Zero(t, next.Receivers["hook"].Delivered)
	}
}
