package leader_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app/leader"
)

// world is one API server and what its admin can do.
type world struct {
	*local.Cluster
	leases coordination.LeaseInterface
}

func TestLeadership(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	client, err := coordination.NewForConfig(restConfig(t, c, local.Admin))
	require.NoError(t, err)
	w := world{Cluster: c, leases: client.Leases("default")}
	for name, test := range map[string]func(*testing.T, world, string){
		"handover":  testHandover,
		"stop":      testStop,
		"drain":     testDrain,
		"ends":      testWorkEnds,
		"overtaken": testOvertaken,
		"deleted":   testDeleted,
		"cut-off":   testCutOff,
		"paused":    testPaused,
		"forbidden": testForbidden,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w, name)
		})
	}
}

// The leader that ends gives the Lease back: nobody waits for its end, which is
// an hour away here.
func testHandover(t *testing.T, w world, name string) {
	a := stand(t, endless, restConfig(t, w.Cluster, local.Admin), name, "a")
	work := a.leads(t)
	b := stand(t, endless, restConfig(t, w.Cluster, local.Admin), name, "b")
	first := get(t, "a sees itself", a.seen)
	assert.Regexp(t, "^a_[A-Z0-9]{8}$", first)
	assert.Equal(t, first, get(t, "b stands by", b.seen))
	a.cancel()
	assert.Equal(t, context.Canceled, lost(work, t))
	a.finish <- errors.New("not all is delivered")
	assert.EqualError(t, get(t, "Run returns", a.ended), "not all is delivered")
	assert.Empty(t, get(t, "a is not the leader any more", a.seen))
	b.leads(t)
	assert.Contains(t, *w.lease(t, name).Spec.HolderIdentity, "b_")
}

// Stop lets the leader drain with a context that has not ended, and sends a
// standby away.
func testStop(t *testing.T, w world, name string) {
	stop := make(chan struct{})
	o := endless
	o.Stop = stop
	a := stand(t, o, restConfig(t, w.Cluster, local.Admin), name, "a")
	work := a.leads(t)
	b := stand(t, o, restConfig(t, w.Cluster, local.Admin), name, "b")
	get(t, "b stands by", b.seen)
	close(stop)
	require.NoError(t, get(t, "the standby goes", b.ended))
	b.isStandby(t)
	require.NoError(t, work.Err())
	a.finish <- nil
	require.NoError(t, get(t, "Run returns", a.ended))
	assert.Empty(t, *w.lease(t, name).Spec.HolderIdentity)
}

// While work still delivers after the end of its context, the Lease is renewed
// beyond its duration, and nobody else begins.
func testDrain(t *testing.T, w world, name string) {
	a := stand(t, short, restConfig(t, w.Cluster, local.Admin), name, "a")
	a.leads(t)
	b := stand(t, short, restConfig(t, w.Cluster, local.Admin), name, "b")
	get(t, "b stands by", b.seen)
	a.cancel()
	cancelled := w.lease(t, name).Spec.RenewTime.Time
	require.Eventually(t, func() bool {
		return w.lease(t, name).Spec.RenewTime.Sub(cancelled) > 2*short.LeaseDuration
	}, patience, 50*time.Millisecond)
	b.isStandby(t)
	assert.Contains(t, *w.lease(t, name).Spec.HolderIdentity, "a_")
	a.finish <- nil
	b.leads(t)
}

// Work that returns by itself ends Run.
func testWorkEnds(t *testing.T, w world, name string) {
	a := stand(t, endless, restConfig(t, w.Cluster, local.Admin), name, "a")
	a.leads(t)
	a.finish <- errors.New("the checkpoint cannot be read")
	assert.EqualError(t, get(t, "Run returns", a.ended), "the checkpoint cannot be read")
	assert.Empty(t, *w.lease(t, name).Spec.HolderIdentity)
}

// A leader whom somebody else has overtaken is told at the next renewal, not
// after RenewDeadline, which is half an hour away, and leads again later.
func testOvertaken(t *testing.T, w world, name string) {
	a := stand(t, endless, restConfig(t, w.Cluster, local.Admin), name, "a")
	work := a.leads(t)
	w.give(t, name, "somebody")
	require.ErrorIs(t, lost(work, t), leader.ErrLost)
	a.finish <- errors.New("cut short")
	require.Eventually(t, func() bool {
		return strings.Contains(a.log.String(), "stands by")
	}, patience, 10*time.Millisecond)
	assert.Equal(t, "somebody", *w.lease(t, name).Spec.HolderIdentity, "what is not ours is not released")
	a.isStandby(t)
	w.give(t, name, "")
	require.NoError(t, a.leads(t).Err())
	a.finish <- nil
	require.NoError(t, get(t, "Run returns", a.ended))
}

// A Lease that was deleted is made again by whoever is first, here the leader.
func testDeleted(t *testing.T, w world, name string) {
	a := stand(t, endless, restConfig(t, w.Cluster, local.Admin), name, "a")
	work := a.leads(t)
	before := w.lease(t, name)
	require.NoError(t, w.leases.Delete(t.Context(), name, metav1.DeleteOptions{}))
	var after *coordinationv1.Lease
	require.Eventually(t, func() bool {
		var err error
		after, err = w.leases.Get(t.Context(), name, metav1.GetOptions{})
		return err == nil
	}, patience, 10*time.Millisecond)
	assert.NotEqual(t, before.UID, after.UID)
	assert.Equal(t, *before.Spec.HolderIdentity, *after.Spec.HolderIdentity)
	require.NoError(t, work.Err())
	assert.NotContains(t, a.log.String(), "out of reach")
}

// A leader that is cut off ends its work before another one can begin.
func testCutOff(t *testing.T, w world, name string) {
	config, g := gated(t, w.Cluster, local.Admin)
	a := stand(t, short, config, name, "a")
	work := a.leads(t)
	b := stand(t, short, restConfig(t, w.Cluster, local.Admin), name, "b")
	g.set(nil)
	require.ErrorIs(t, lost(work, t), leader.ErrLost)
	b.isStandby(t)
	a.finish <- nil
	bWork := b.leads(t)
	assert.Contains(t, a.log.String(), "out of reach, trying again")
	assert.Contains(t, a.log.String(), "lease "+name+" in namespace default: cut off")
	assert.NotContains(t, a.log.String(), "https://")

	g.set(pass())
	b.cancel()
	lost(bWork, t)
	b.finish <- nil
	a.leads(t)
}

// A leader that was paused for longer than its Lease wakes up believing what it
// saw before: it must not take the Lease from the next one, nor set it free.
func testPaused(t *testing.T, w world, name string) {
	config, g := gated(t, w.Cluster, local.Admin)
	a := stand(t, short, config, name, "a")
	work := a.leads(t)
	paused := make(chan struct{})
	g.set(paused)
	b := stand(t, short, restConfig(t, w.Cluster, local.Admin), name, "b")
	bWork := b.leads(t)
	g.set(pass())
	close(paused)
	require.ErrorIs(t, lost(work, t), leader.ErrLost)
	a.finish <- nil

	renewed := w.lease(t, name).Spec.RenewTime.Time
	require.Eventually(t, func() bool {
		return w.lease(t, name).Spec.RenewTime.Sub(renewed) > short.LeaseDuration
	}, patience, 50*time.Millisecond)
	require.NoError(t, bWork.Err())
	a.isStandby(t)
	lease := w.lease(t, name)
	assert.Contains(t, *lease.Spec.HolderIdentity, "b_")
	assert.Equal(t, int32(1), *lease.Spec.LeaseTransitions)
}

// Without the rights it stands by, says once which, and begins when they are there.
func testForbidden(t *testing.T, w world, name string) {
	config, g := gated(t, w.Cluster, local.Packetboat)
	a := stand(t, short, config, name, "a")
	says := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(a.log.String(), text) }, patience, 10*time.Millisecond)
		asked := g.asked.Load()
		require.Eventually(t, func() bool { return g.asked.Load() > asked+5 }, patience, 10*time.Millisecond)
	}
	says("get lease forbidden in namespace default: this needs get, create and update on leases of coordination.k8s.io")
	says(`cannot get resource \"leases\"`)
	binding := map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": map[string]any{"name": "elect"},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "elect"},
		"subjects": []any{map[string]any{"kind": "User", "name": "packetboat", "apiGroup": "rbac.authorization.k8s.io"}},
	}
	grant := func(verbs ...string) {
		t.Helper()
		const group = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
		require.NoError(t, w.Client().Apply(t.Context(), group+"/roles/elect", map[string]any{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": map[string]any{"name": "elect"},
			"rules": []any{map[string]any{"apiGroups": []string{"coordination.k8s.io"}, "resources": []string{"leases"}, "verbs": verbs}},
		}))
		require.NoError(t, w.Client().Apply(t.Context(), group+"/rolebindings/elect", binding))
	}
	grant("get")
	says(`cannot create resource \"leases\"`)
	a.isStandby(t)
	grant("get", "create", "update")
	a.leads(t)
	says("reached again")
	for _, verb := range []string{"get", "create"} {
		assert.Equal(t, 1, strings.Count(a.log.String(), `cannot `+verb+` resource`), verb)
	}
}

func TestConfigurationThatCannotBe(t *testing.T) {
	o := short
	o.Config, o.Name, o.RenewDeadline = &rest.Config{Host: "https://127.0.0.1:1"}, "x", o.LeaseDuration
	err := leader.Run(t.Context(), o, func(context.Context) error { return nil })
	require.ErrorContains(t, err, "leader election: leaseDuration must be greater than renewDeadline")
}
