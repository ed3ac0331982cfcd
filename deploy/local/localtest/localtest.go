// Package localtest gives Go tests a real control plane of their own and fills it with events. Clusters of different
// tests and processes run side by side; the binary is built once for all. Everything here fails the test on error, so it
// must be called from the test's own goroutine.
package localtest

import (
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/load"
)

// Start starts a cluster that ends with the test. If the test fails, the last lines of the servers' logs are printed.
// Without Options.Binary the binary is built when it is missing, with progress on standard error; without Options.Dir
// the cluster lives in a new directory that goes with the test.
func Start(t testing.TB, options local.Options) *local.Cluster {
	t.Helper()
	if options.Binary == "" {
		options.Binary = Binary(t)
	}
	if options.Dir == "" {
		options.Dir = t.TempDir()
	}
	cluster, err := local.Start(t.Context(), options)
	require.NoError(t, err)
	forgetItsStart(t, cluster)
	t.Cleanup(func() {
		cluster.Stop()
		if t.Failed() {
			for server, lines := range cluster.Logs(30) {
				t.Logf("last lines of %s:\n%s", server, lines)
			}
		}
	})
	return cluster
}

// forgetItsStart deletes the event that kube-apiserver writes of its own default ServiceCIDR when two of its loops meet
// while it starts (measured: seldom, before it is ready), so that a test can count events.
func forgetItsStart(t testing.TB, cluster *local.Cluster) {
	t.Helper()
	const events = "/api/v1/namespaces/default/events?fieldSelector=involvedObject.kind%3DServiceCIDR"
	_, err := cluster.Client().Do(t.Context(), http.MethodDelete, events, "application/json", nil)
	require.NoError(t, err)
}

// Binary returns the path of the servers' binary, built if it is missing.
func Binary(t testing.TB) string {
	t.Helper()
	root, err := local.RepoRoot()
	require.NoError(t, err)
	binary, err := local.Build(t.Context(), root, os.Stderr)
	require.NoError(t, err)
	return binary
}

// WriteEvents creates n events of about 1 KiB each in a namespace, which is created too.
func WriteEvents(t testing.TB, cluster *local.Cluster, namespace string, n int) []load.Event {
	t.Helper()
	require.NoError(t, load.Namespace(t.Context(), cluster.Client(), namespace))
	events, err := load.Create(t.Context(), cluster.Client(), namespace, n)
	require.NoError(t, err)
	return events
}

// UpdateEvents raises the count of these events by one each and returns their new versions.
func UpdateEvents(t testing.TB, cluster *local.Cluster, events []load.Event) []load.Event {
	t.Helper()
	updated, err := load.Update(t.Context(), cluster.Client(), events)
	require.NoError(t, err)
	return updated
}
