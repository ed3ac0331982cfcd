package faults

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/peers"
)

const competitors = 8

// leaseTime is how long a run may say nothing before another one takes its place.
const leaseTime = 30 * time.Second

// overlap lets eight processes start runs with one checkpoint again and again
// while events are written. The lease lets one of them work at a time.
func overlap(t *testing.T, binary string, cluster *local.Cluster, store peers.S3, lasts time.Duration) {
	hook, checkpoint, dir := newHook(t), newObject(t, store), t.TempDir()
	c := command{binary: binary, dir: dir, kubeconfig: cluster.Kubeconfig(local.Admin), env: checkpoint.env()}
	config := writeConfig(t, dir, "config.yaml", fmt.Sprintf(hookConfig, checkpoint.config(store.Endpoint), hook.URL))

	w := newWriter(t, cluster, 50*time.Millisecond)
	clearEvents(t, cluster)
	stopWriting := w.start(t.Context())
	outcomes := compete(t, c, config, lasts)
	require.NoError(t, stopWriting())
	held, takeovers := 0, 0
	for _, o := range outcomes {
		require.Zero(t, o.code, "%s", o)
		requireNothingGivenUp(t, o)
		if o.report.LeaseHeldBy != nil {
			held++
		}
		if tookOver(o) {
			takeovers++
			require.GreaterOrEqual(t, o.report.DurationMs, leaseTime.Milliseconds(), "a lease was taken over before it ended: %s", o)
		}
	}
	last, err := c.run(t.Context(), config)
	require.NoError(t, err)
	require.True(t, last.report.CaughtUp, "%s", last)

	came, most := hook.arrived()
	assert.NoError(t, w.check(came))
	twice := again(came)
	t.Logf("%d runs, %d of them found the lease held, %d lost it; %d events, %d of them again; at most %d requests at one time",
		len(outcomes), held, takeovers, len(came), twice, most)
	assert.Positive(t, held, "no run has met another one")
	if takeovers == 0 {
		assert.Zero(t, twice, "events came again although no lease was taken over")
		assert.Equal(t, 1, most, "two runs were at work at one time")
	}
}

// tookOver reports whether a run that had sent lost its lease to another one.
func tookOver(o outcome) bool {
	hook := o.report.Receivers["hook"]
	return o.report.LeaseHeldBy != nil && hook != nil && hook.Attempts > 0 || strings.Contains(o.report.Error, "lease expired")
}

// compete keeps eight processes running for a while, and lets those end that have
// begun.
func compete(t *testing.T, c command, config string, lasts time.Duration) (all []outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var group errgroup.Group
	ended := make([][]outcome, competitors)
	for i := range competitors {
		group.Go(func() error {
			for ctx.Err() == nil {
				o, err := c.run(t.Context(), config)
				if err != nil {
					return err
				}
				ended[i] = append(ended[i], o)
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	for _, of := range ended {
		all = append(all, of...)
	}
	return all
}
