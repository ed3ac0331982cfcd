package run

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
)

// A run must not be called good because its time was up before it gave up on
// what was failing: an alarm on its exit code would never ring.
func TestADeadlineHidesNoFailure(t *testing.T) {
	for _, step := range []string{"load", "commit", "position", "send"} {
		t.Run(step, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 40)
				began, hold := time.Now(), make(chan struct{})
				w.hold["a"] = hold
				time.AfterFunc(time.Second, func() { close(hold) })
				w.fault = func(at string) (bool, error) {
					// The lease and the start are committed well; the cursor is not.
					if at == step && (at != "commit" || time.Since(began) >= time.Second) {
						return false, errBroken
					}
					return true, nil
				}
				phases, over := NewPhases(t.Context(), time.Now().Add(3*time.Second), nil, time.Minute)
				defer over()
				report, err := w.job("a").Once(phases)
				require.ErrorIs(t, err, errBroken)
				assert.False(t, report.CaughtUp)
				assert.NotEmpty(t, report.Error)
				w.requireInvariant()
			})
		})
	}
}

// The same where one receiver failed for good and another had more to do.
func TestADeadlineOfOneReceiverHidesNoFailureOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 40)
		w.hold["slow"] = make(chan struct{})
		w.fault = func(step string) (bool, error) {
			if step == "send" {
				return false, errBroken
			}
			return true, nil
		}
		phases, over := NewPhases(t.Context(), time.Now().Add(time.Minute), nil, time.Minute)
		defer over()
		report, err := w.job("broken", "slow").Once(phases)
		require.ErrorIs(t, err, errBroken)
		assert.ErrorContains(t, err, "receiver broken")
		assert.NotEmpty(t, report.Receivers["broken"].Error)
	})
}

// lockedStore is a store whose lock looks at its context first.
type lockedStore struct{ state.Store }

func (lockedStore) Lock(ctx context.Context) (func() error, error) {
	return func() error { return nil }, ctx.Err()
}

func TestADeadlineBeforeTheLockIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		phases, over := NewPhases(t.Context(), time.Now(), nil, time.Minute)
		defer over()
		synctest.Wait()
		job := w.job("a")
		job.Store = lockedStore{job.Store}
		report, err := job.Once(phases)
		require.NoError(t, err)
		assert.False(t, report.CaughtUp)
		assert.Empty(t, w.got)
	})
}
