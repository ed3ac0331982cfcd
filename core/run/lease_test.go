package run

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
)

func TestTheLeaseKeepsASecondRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.hold["a"] = make(chan struct{})
		first := w.job("a")
		done := make(chan error)
		go func() {
			_, err := first.Once(w.phases())
			done <- err
		}()
		time.Sleep(time.Minute) // renewed meanwhile
		report, err := w.job("a").Once(w.phases())
		require.NoError(t, err)
		require.NotNil(t, report.LeaseHeldBy)
		assert.Equal(t, first.Holder, *report.LeaseHeldBy)
		assert.False(t, report.CaughtUp)
		assert.Empty(t, w.got)

		close(w.hold["a"])
		require.NoError(t, <-done)
		w.requireAll("a")
	})
}

func TestAStaleLeaseIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.put(state.Checkpoint{Version: 1, Lease: state.Lease{Holder: "gone", Expires: time.Now().Add(20 * time.Second)}})
		report, err := w.job("a").Once(w.phases())
		require.NoError(t, err)
		require.Equal(t, "gone", *report.LeaseHeldBy)
		time.Sleep(21 * time.Second)
		report, err = w.job("a").Once(w.phases())
		require.NoError(t, err)
		require.Nil(t, report.LeaseHeldBy)
		w.requireAll("a")
	})
}

func TestALeaseOfAWrongClockDoesNotStopTheExport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.put(state.Checkpoint{Version: 1, Lease: state.Lease{Holder: "skewed", Expires: time.Now().AddDate(5, 0, 0)}})
		report, err := w.job("a").Once(w.phases())
		require.NoError(t, err)
		require.Nil(t, report.LeaseHeldBy)
		w.requireAll("a")
	})
}

func (w *world) put(c state.Checkpoint) {
	raw, err := state.Encode(c)
	require.NoError(w.t, err)
	w.storage.SetRaw(raw)
}

// TestAPausedHolder: the process is frozen (SIGSTOP, a Lambda between two
// invocations) for longer than its lease and wakes up. It must neither send nor
// commit, whether or not another run came in between.
func TestAPausedHolder(t *testing.T) {
	for _, other := range []bool{false, true} {
		t.Run(fmt.Sprintf("another run came: %v", other), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 9)
				w.hold["a"] = make(chan struct{})
				paused := w.job("a")
				clock := time.Duration(0)
				paused.Now = func() time.Time { return time.Now().Add(clock) }
				var report Report
				done := make(chan error)
				go func() {
					var err error
					report, err = paused.Once(w.phases())
					done <- err
				}()
				synctest.Wait()
				if other {
					time.Sleep(time.Nanosecond) // another name
					next := w.job("a", "b")
					next.Now = func() time.Time { return time.Now().Add(time.Minute) }
					next.Receivers = next.Receivers[1:]
					next.Router = everyone(1)
					_, err := next.Once(w.phases())
					require.NoError(t, err)
				}
				before := w.storage.Raw()
				clock = time.Minute // it wakes up
				close(w.hold["a"])
				err := <-done
				require.ErrorIs(t, err, errLeaseExpired)
				require.False(t, report.CaughtUp)
				require.LessOrEqual(t, len(w.got["a"]), 2, "nothing but the batch in flight")
				require.Equal(t, string(before), string(w.storage.Raw()), "nothing may be committed")
			})
		})
	}
}

func TestACheckpointThatCannotBeReadIsNotTouched(t *testing.T) {
	for name, raw := range map[string]string{
		"garbage": "not a checkpoint", "newer format": `{"version": 99}`, "another program's": `{"a": 1}`,
		"broken cursor": `{"version":1,"clusters":{"cluster-a":{"a":{"resourceVersion":"x"}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3)
			w.storage.SetRaw([]byte(raw))
			_, err := w.job("a").Once(w.phases())
			require.ErrorIs(t, err, state.ErrUnreadable)
			assert.Equal(t, raw, string(w.storage.Raw()))
			assert.Empty(t, w.got)
		})
	}
}
