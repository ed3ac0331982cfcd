package kustomize_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app"
)

// watch is a container that goes on.
type watch struct {
	*container
	ended chan error
}

// begin starts a watch. Its pod has an address of its own, ours share this machine's.
func (c *container) begin(t *testing.T) *watch {
	t.Helper()
	w := &watch{container: c, ended: make(chan error, 1)}
	c.Stdout, c.Stderr = &lockedBuffer{of: &c.stdout}, &lockedBuffer{of: &c.stderr}
	require.NoError(t, c.Start())
	go func() { w.ended <- c.Wait() }()
	return w
}

func (w *watch) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, "the watch says "+text, func() bool { return strings.Contains(w.said(), text) })
}

func (w *watch) said() string { return w.Stderr.(*lockedBuffer).String() }

// stop ends it as a kubelet does, and returns its exit code.
func (w *watch) stop(t *testing.T) int {
	t.Helper()
	require.NoError(t, w.Process.Signal(syscall.SIGTERM))
	err := <-w.ended
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	require.NoError(t, err)
	return 0
}

// lockedBuffer is read while a process writes to it.
type lockedBuffer struct {
	mu sync.Mutex
	of interface {
		Write(p []byte) (int, error)
		String() string
	}
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of.String()
}

func (w world) holder(t *testing.T) string {
	t.Helper()
	var lease coordinationv1.Lease
	w.get(t, "/apis/coordination.k8s.io/v1/namespaces/monitoring/leases/packetboat", &lease)
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// testDeployment runs both pods that the controllers make of the Deployment.
func testDeployment(t *testing.T, binary string) {
	w := newWorld(t, local.Options{Controllers: true})
	h := newHook(t)
	config := configured(t, "watch/config.yaml", `webhook: {endpoint: "${HOOK}"}`)
	ours(t, w, "watch", config, map[string]string{"HOOK": h.URL})
	assert.Empty(t, w.holder(t), "the Lease is there, and nobody's")
	var pods corev1.PodList
	eventually(t, "two pods", func() bool {
		w.get(t, "/api/v1/namespaces/monitoring/pods", &pods)
		return len(pods.Items) == 2
	})
	first := w.container(t, binary, &pods.Items[0], "--metrics-address=127.0.0.1:0").begin(t)
	first.says(t, "this replica is the leader")
	assert.True(t, strings.HasPrefix(w.holder(t), pods.Items[0].Name+"_"), w.holder(t))
	first.says(t, "following the cluster")
	second := w.container(t, binary, &pods.Items[1], "--metrics-address=127.0.0.1:0").begin(t)
	written := localtest.WriteEvents(t, w.Cluster, "shop", 20)
	eventually(t, "the events arrive", func() bool { return h.has(uidsOf(written)...) })

	require.Equal(t, 0, first.stop(t), "%s", first.said())
	second.says(t, "this replica is the leader")
	written = localtest.WriteEvents(t, w.Cluster, "shop", 20)
	eventually(t, "the others arrive", func() bool { return h.has(uidsOf(written)...) })
	require.Equal(t, 0, second.stop(t), "%s", second.said())
	assert.Empty(t, w.holder(t), "it is given back")
	assert.NotEmpty(t, w.cursor(t, "log"))
	for _, missing := range []string{"forbidden", "no marker", "kube-system", `"level":"WARN"`, `"level":"ERROR"`} {
		assert.NotContains(t, first.said()+second.said(), missing, "a right is missing")
	}
}

// testLeaseRights takes from a watch what it has beyond the rights of a run, one
// by one. Nobody leads then, which the log says.
func testLeaseRights(t *testing.T, binary string) {
	w := newWorld(t, local.Options{})
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	text := configured(t, "watch/config.yaml", "file: {path: "+filepath.Join(dir, "events.json")+"}")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	objects := generate(t, config, app.ModeWatch)
	w.apply(t, objects...)
	rights := rightsOf(t, objects)
	beyond := map[right]string{
		{"get", "leases.coordination.k8s.io", "packetboat"}:    "cannot get resource",
		{"update", "leases.coordination.k8s.io", "packetboat"}: "cannot update resource",
	}
	asRun := within(rightsOf(t, generate(t, "base/config.yaml", app.ModeRun)), namespace)
	require.Len(t, rights, len(asRun)+len(beyond))
	require.Subset(t, within(rights, namespace), asRun, "what a run needs is looked at in the test of every right")
	for r, says := range beyond {
		t.Run(r.String(), func(t *testing.T) {
			role := rights[r]
			w.apply(t, without(t, role, r))
			w.settles(t, namespace, less(within(rights, namespace), r))
			watch := w.command(t, binary, "watch", "--config", config, "--metrics-address=").begin(t)
			watch.says(t, says)
			assert.NotContains(t, watch.said(), "is the leader")
			// It goes on by itself once it may.
			w.apply(t, role)
			watch.says(t, "this replica is the leader")
			assert.Equal(t, 0, watch.stop(t), "%s", watch.said())
		})
	}
}
