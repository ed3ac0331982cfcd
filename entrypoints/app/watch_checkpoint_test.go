package app

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
)

// TestWatchStandsBy while another run has the lease, and goes on after it.
func TestWatchStandsBy(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	text := watched + "checkpoint: {configMap: {namespace: default, name: shared}}\n"
	first := startWatch(t, c, local.Admin, text)
	first.requireSoon(t, "/readyz", http.StatusOK, "following")
	second := startWatch(t, c, local.Admin, text)
	second.requireSoon(t, "/readyz", http.StatusOK, "standby: another run is at work")
	first.end(t)
	second.requireSoon(t, "/readyz", http.StatusOK, "following")
	second.requireDelivered(t, "a", localtest.WriteEvents(t, c, "one", 5)...)
	second.end(t)
}

// TestWatchWithoutACheckpoint is a configuration of kubernetes-event-exporter as
// it was: the checkpoint is a ConfigMap, and without the right to write one it is
// in memory, which is said loudly.
func TestWatchWithoutACheckpoint(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	w := startWatch(t, c, local.Admin, watched)
	w.requireDelivered(t, "a", localtest.WriteEvents(t, c, "one", 5)...)
	w.end(t)
	stored, err := c.Client().Do(t.Context(), http.MethodGet, "/api/v1/namespaces/default/configmaps/packetboat-kubernetes-event-exporter", "", nil)
	require.NoError(t, err)
	assert.Contains(t, string(stored), "resourceVersion")

	grantEvents(t, c, local.Viewer)
	w = startWatch(t, c, local.Viewer, watched)
	w.requireDelivered(t, "a", localtest.WriteEvents(t, c, "one", 5)...)
	assert.Contains(t, w.log.String(), "THE CHECKPOINT IS KEPT IN MEMORY")
	w.reload <- struct{}{}
	w.requireSoon(t, "/metrics", http.StatusOK, `packetboat_config_reloads_total{result="taken"} 2`)
	w.requireDelivered(t, "a", localtest.WriteEvents(t, c, "one", 5)...)
	text, err := os.ReadFile(w.file("a"))
	require.NoError(t, err)
	assert.Equal(t, 15, strings.Count(string(text), "\n"), "a reload loses no memory")
	w.end(t)
}

func grantEvents(t *testing.T, c *local.Cluster, user local.User) {
	t.Helper()
	const api = "/apis/rbac.authorization.k8s.io/v1/"
	require.NoError(t, c.Client().Apply(t.Context(), api+"clusterroles/read-events", map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": "read-events"},
		"rules": []any{map[string]any{"apiGroups": []string{""}, "resources": []string{"events"}, "verbs": []string{"list", "watch"}}},
	}))
	require.NoError(t, c.Client().Apply(t.Context(), api+"clusterrolebindings/read-events", map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": map[string]any{"name": "read-events"},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "read-events"},
		"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": string(user)}},
	}))
}

// TestFromRunToWatchAndBack: a cluster moves from a CronJob to a watch and back;
// nothing is lost, and nothing is repeated, because nothing died.
func TestFromRunToWatchAndBack(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	archive := filepath.Join(t.TempDir(), "archive.jsonl")
	text := strings.ReplaceAll(watched, "%s", archive) + "checkpoint: {configMap: {namespace: default, name: moved}}\n# %s\n"
	run := func() {
		a, err := from(t, text, func(o *Options) { o.Kubeconfig, o.Stderr = c.Kubeconfig(local.Admin), io.Discard })
		require.NoError(t, err)
		report, err := a.Run(t.Context(), RunOptions{})
		require.NoError(t, err)
		require.True(t, report.CaughtUp)
	}
	written := localtest.WriteEvents(t, c, "one", 10)
	for range 2 {
		run()
		written = append(written, localtest.WriteEvents(t, c, "one", 10)...)
		w := startWatch(t, c, local.Admin, text)
		w.requireSoon(t, "/readyz", http.StatusOK, "following")
		written = append(written, localtest.WriteEvents(t, c, "one", 10)...)
		w.end(t)
		written = append(written, localtest.WriteEvents(t, c, "one", 10)...)
	}
	run()
	delivered, err := os.ReadFile(archive)
	require.NoError(t, err)
	assert.Equal(t, len(written), strings.Count(string(delivered), "\n"))
	for _, ev := range written {
		assert.Equal(t, 1, strings.Count(string(delivered), `"uid":"`+ev.UID+`","resourceVersion":"`+ev.ResourceVersion+`"`))
	}
}
