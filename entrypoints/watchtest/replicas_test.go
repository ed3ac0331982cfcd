package watchtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
)

// patience is longer than anything here takes, on a busy machine too.
const patience = 2 * time.Minute

// replica is one process of packetboat watch.
type replica struct {
	name   string // begins its identity in the Lease, and is in its requests to the hook
	args   []string
	env    []string
	cmd    *exec.Cmd
	stderr *safeBuffer
	over   chan struct{} // closed when the process has ended
}

// safeBuffer is written to by one goroutine and read by another.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start starts the process, again if it has ended, and returns when signals reach
// it: before, SIGTERM is the end of any process.
func (r *replica) start(t *testing.T, binary string) {
	t.Helper()
	if r.stderr == nil {
		r.stderr = &safeBuffer{}
		t.Cleanup(func() { r.end(t) })
	}
	starts := r.starts()
	r.over = make(chan struct{})
	r.cmd = exec.CommandContext(t.Context(), binary, r.args...)
	r.cmd.Env, r.cmd.Stderr = r.env, r.stderr
	require.NoError(t, r.cmd.Start())
	go func() {
		defer close(r.over)
		_ = r.cmd.Wait() // ProcessState says how it ended
	}()
	require.Eventually(t, func() bool { return r.starts() > starts }, patience, 10*time.Millisecond, "%s starts", r.name)
}

func (r *replica) starts() int {
	return strings.Count(r.stderr.String(), "this replica waits for the leadership")
}

// end leaves no process behind, also a paused one.
func (r *replica) end(t *testing.T) {
	_ = r.cmd.Process.Kill()
	<-r.over
	if t.Failed() {
		t.Logf("log of %s:\n%s", r.name, r.stderr)
	}
}

func (r *replica) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, r.cmd.Process.Signal(s))
}

// ended waits for the end of the process and returns its exit code.
func (r *replica) ended(t *testing.T) int {
	t.Helper()
	select {
	case <-r.over:
	case <-time.After(patience):
		require.Fail(t, "the process does not end", "%s", r.stderr)
	}
	return r.cmd.ProcessState.ExitCode()
}

// kubeconfigAt is the admin's kubeconfig for a server at another address.
func kubeconfigAt(t *testing.T, cluster *local.Cluster, path, url string) string {
	t.Helper()
	text, err := os.ReadFile(cluster.Kubeconfig(local.Admin))
	require.NoError(t, err)
	require.Contains(t, string(text), cluster.URL())
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), cluster.URL(), url)), 0o600))
	return path
}

// leader is the replica that holds the Lease, nil while nobody does.
func (w *world) leader(t *testing.T) *replica {
	t.Helper()
	var lease struct {
		Spec struct {
			HolderIdentity string `json:"holderIdentity"`
		} `json:"spec"`
	}
	path := fmt.Sprintf("/apis/coordination.k8s.io/v1/namespaces/%s/leases/exporter", w.namespace)
	require.NoError(t, w.cluster.Client().Get(t.Context(), path, &lease))
	name, _, _ := strings.Cut(lease.Spec.HolderIdentity, "_")
	return w.replicas[name]
}
