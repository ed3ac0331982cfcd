package watchtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/entrypoints/proving"
)

// The durations of the leader election are the defaults: the 20 s are theirs.
const config = `
namespace: %[1]s
leaderElection: {enabled: true, leaderElectionID: exporter, namespace: %[1]s}
checkpoint: {configMap: {namespace: %[1]s, name: packetboat}}
source: {start: oldest}
delivery: {timeout: 60s}
route: {routes: [{match: [{receiver: hook}]}]}
receivers:
- name: hook
  webhook: {endpoint: %[2]q, headers: {X-Replica: "${POD_NAME}"}, batch: {mode: ndjson, size: 10}}
`

const failover = 20 * time.Second

// world is three replicas in a namespace of their own, and what goes on around them.
type world struct {
	cluster   *local.Cluster
	namespace string
	binary    string
	hook      *hook
	network   *network
	replicas  map[string]*replica

	mu      sync.Mutex
	written map[string]bool // every version, by ID
}

func TestTheLeader(t *testing.T) {
	binary, cluster, api := proving.Build(t), localtest.Start(t, local.Options{}), peers.StartToxiproxy(t)
	for name, disturb := range map[string]func(*testing.T, *world, *replica){
		"killed": killed, "cut-off": cutOff, "paused": paused, "stopped": stopped,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, cluster, binary, name, &network{api: api, prefix: name + "-"})
			stop := w.write(t)
			disturb(t, w, w.leads(t))
			stop()
			w.allHasArrived(t)
			w.end(t)
		})
	}
}

func newWorld(t *testing.T, cluster *local.Cluster, binary, name string, n *network) *world {
	t.Helper()
	w := &world{
		cluster: cluster, namespace: name, binary: binary, hook: newHook(t), network: n,
		replicas: map[string]*replica{}, written: map[string]bool{},
	}
	require.NoError(t, load.Namespace(t.Context(), cluster.Client(), name))
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, config, name, w.hook.URL), 0o600))
	for _, name := range []string{"a", "b", "c"} {
		kubeconfig := kubeconfigAt(t, cluster, filepath.Join(dir, name), n.before(t, name, cluster.URL()))
		r := &replica{
			name: name, env: []string{"HOME=" + dir, "POD_NAME=" + name},
			args: []string{"watch", "--config", file, "--kubeconfig", kubeconfig, "--metrics-address", ""},
		}
		r.start(t, binary)
		w.replicas[name] = r
	}
	return w
}

// write writes events until the returned function is called.
func (w *world) write(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			// A write that is cut short may have been applied, and nobody would know its ID.
			created, err := load.Create(context.WithoutCancel(ctx), w.cluster.Client(), w.namespace, 4)
			if err != nil {
				ended <- err
				return
			}
			w.mu.Lock()
			for _, ev := range created {
				w.written[ev.UID+"."+ev.ResourceVersion] = true
			}
			w.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
		ended <- nil
	}()
	return func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

// leads waits until a leader delivers.
func (w *world) leads(t *testing.T) *replica {
	t.Helper()
	w.eventually(t, "somebody delivers", func() bool { return len(w.hook.deliveries()) > 0 })
	r := w.leader(t)
	require.NotNil(t, r)
	return r
}

func (w *world) eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, patience, 20*time.Millisecond, what)
}

// takesOver waits for another replica to deliver, and returns when it began.
func (w *world) takesOver(t *testing.T, old *replica, since time.Time) time.Time {
	t.Helper()
	w.eventually(t, "another replica delivers", func() bool { return len(w.hook.others(old.name, since)) > 0 })
	began := w.hook.others(old.name, since)[0].began
	took := began.Sub(since)
	t.Logf("another replica delivers after %s", took.Round(time.Millisecond))
	assert.Less(t, took, failover)
	return began
}

// allHasArrived waits until everything that was written has come, and checks that
// nothing else has.
func (w *world) allHasArrived(t *testing.T) {
	t.Helper()
	w.eventually(t, "all that was written arrives", func() bool {
		came := w.hook.came()
		for id := range w.written {
			if came[id] == 0 {
				return false
			}
		}
		return true
	})
	repeated := 0
	for id, times := range w.hook.came() {
		assert.True(t, w.written[id], "%s was never written", id)
		repeated += times - 1
	}
	t.Logf("%d events written, %d came again", len(w.written), repeated)
}

// end stops all replicas in an orderly way.
func (w *world) end(t *testing.T) {
	t.Helper()
	for _, r := range w.replicas {
		r.signal(t, syscall.SIGTERM)
	}
	for _, r := range w.replicas {
		assert.Zero(t, r.ended(t), "%s", r.stderr)
	}
}

func killed(t *testing.T, w *world, leader *replica) {
	leader.signal(t, syscall.SIGKILL)
	since := time.Now()
	w.takesOver(t, leader, since)
	require.Equal(t, -1, leader.ended(t))
	leader.start(t, w.binary)
}

// cutOff: nothing passes between the leader and the API server, and nobody says
// so. It has stopped before another one begins; when the network is there again it
// stands by.
func cutOff(t *testing.T, w *world, leader *replica) {
	w.network.cut(t, leader.name)
	began := w.takesOver(t, leader, time.Now())
	next := w.leader(t)
	w.network.heal(t, leader.name)
	w.eventually(t, "the old leader stands by", func() bool {
		return strings.Contains(leader.stderr.String(), "this replica stands by")
	})
	w.settles(t)
	assert.Empty(t, w.hook.of(leader.name, began), "the old leader delivers beside the new one")
	assert.Equal(t, next, w.leader(t))
}

// paused: the leader is stopped while a batch is on its way, wakes up after
// another one has taken over, and believes that nothing has happened.
func paused(t *testing.T, w *world, leader *replica) {
	w.hook.hold()
	w.eventually(t, "a batch is on its way", func() bool { return len(w.hook.held()) > 0 })
	leader.signal(t, syscall.SIGSTOP)
	inFlight := w.hook.held()
	require.Len(t, inFlight, 1)
	since := time.Now()
	w.hook.open()
	w.takesOver(t, leader, since)
	next := w.leader(t)
	woken := time.Now()
	leader.signal(t, syscall.SIGCONT)
	w.eventually(t, "the old leader stands by", func() bool {
		return strings.Contains(leader.stderr.String(), "this replica stands by")
	})
	w.settles(t)
	repeated := w.hook.of(leader.name, woken)
	assert.LessOrEqual(t, len(repeated), 1)
	for _, d := range repeated {
		assert.Equal(t, inFlight[0].ids, d.ids)
	}
	assert.Equal(t, next, w.leader(t), "who wakes up takes nothing away")
}

// stopped: the leader gives the Lease back, so that nobody waits for its end.
func stopped(t *testing.T, w *world, leader *replica) {
	leader.signal(t, syscall.SIGTERM)
	since := time.Now()
	assert.Zero(t, leader.ended(t), "%s", leader.stderr)
	w.takesOver(t, leader, since)
	for _, d := range w.hook.of(leader.name, since) {
		for _, other := range w.hook.others(leader.name, since) {
			assert.True(t, d.began.Before(other.began), "the Lease is given back after the last delivery")
		}
	}
	leader.start(t, w.binary)
}

// settles waits until what is written now has arrived.
func (w *world) settles(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	now := make([]string, 0, len(w.written))
	for id := range w.written {
		now = append(now, id)
	}
	w.mu.Unlock()
	w.eventually(t, "what was written until now arrives", func() bool {
		came := w.hook.came()
		for _, id := range now {
			if came[id] == 0 {
				return false
			}
		}
		return true
	})
}
