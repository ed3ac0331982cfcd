package leader_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/entrypoints/app/leader"
)

// patience is longer than anything here takes, on a busy machine too.
const patience = time.Minute

// short are durations for tests in which a Lease has to end by itself.
var short = leader.Options{LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 100 * time.Millisecond}

// endless are those for tests in which it must not.
var endless = leader.Options{LeaseDuration: time.Hour, RenewDeadline: 30 * time.Minute, RetryPeriod: 100 * time.Millisecond}

func restConfig(t *testing.T, c *local.Cluster, user local.User) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig(user))
	require.NoError(t, err)
	config.QPS = -1
	return config
}

// replica is a candidate whose work is told when to return.
type replica struct {
	*leader.Options
	log    *safeBuffer
	seen   chan string          // who leads, each time that this changes
	works  chan context.Context // one for each time that work begins
	finish chan error           // lets work return
	ended  chan error           // what Run returned
	cancel context.CancelFunc
}

// stand starts a replica. Its name is its identity's first part.
func stand(t *testing.T, o leader.Options, config *rest.Config, lease, name string) *replica {
	t.Helper()
	r := &replica{
		Options: &o, log: &safeBuffer{}, seen: make(chan string, 100), works: make(chan context.Context, 10),
		finish: make(chan error), ended: make(chan error, 1),
	}
	o.OnChange = func(leader string, isUs bool) {
		assert.Equal(t, isUs, strings.HasPrefix(leader, name+"_"))
		r.seen <- leader
	}
	o.Config, o.Name, o.Identity, o.Log = config, lease, name, slog.New(slog.NewTextHandler(r.log, nil))
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	over := make(chan struct{})
	go func() {
		defer close(over)
		r.ended <- leader.Run(ctx, o, func(ctx context.Context) error {
			r.works <- ctx
			return <-r.finish
		})
	}()
	t.Cleanup(func() {
		cancel()
		close(r.finish)
		<-over
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, r.log)
		}
	})
	return r
}

func get[T any](t *testing.T, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		require.Fail(t, "does not happen", what)
	}
	return v
}

func (r *replica) leads(t *testing.T) context.Context {
	t.Helper()
	return get(t, r.Identity+" leads", r.works)
}

func (r *replica) isStandby(t *testing.T) {
	t.Helper()
	select {
	case <-r.works:
		require.Fail(t, r.Identity+" works")
	default:
	}
}

// lost waits for the end of work's context, and returns why.
func lost(work context.Context, t *testing.T) error {
	t.Helper()
	get(t, "work's context ends", work.Done())
	return context.Cause(work)
}

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

func (w world) lease(t *testing.T, name string) *coordinationv1.Lease {
	t.Helper()
	lease, err := w.leases.Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return lease
}

// give makes somebody the holder, whoever is.
func (w world) give(t *testing.T, name, holder string) {
	t.Helper()
	patch := fmt.Sprintf(`{"spec":{"holderIdentity":%q,"renewTime":%q}}`, holder, time.Now().UTC().Format(metav1.RFC3339Micro))
	_, err := w.leases.Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	require.NoError(t, err)
}

// gate holds up or breaks what a replica asks of the API server.
type gate struct {
	next http.RoundTripper
	mu   sync.Mutex
	open chan struct{} // closed: pass; nil: break

	asked atomic.Int64 // requests so far
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	g.asked.Add(1)
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	if open == nil {
		return nil, errors.New("cut off")
	}
	<-open // a process that is paused does not see that time passes
	return g.next.RoundTrip(r)
}

func (g *gate) set(open chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = open
}

func pass() chan struct{} {
	open := make(chan struct{})
	close(open)
	return open
}

func gated(t *testing.T, c *local.Cluster, user local.User) (*rest.Config, *gate) {
	t.Helper()
	g := &gate{open: pass()}
	config := restConfig(t, c, user)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		g.next = next
		return g
	})
	return config, g
}
