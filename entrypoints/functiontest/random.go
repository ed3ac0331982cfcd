package functiontest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/entrypoints/app"
	"github.com/packetboat/packetboat/state"
)

// Random makes many invocations while events are written, with a fault at nearly
// every second one: a platform that kills at the deadline or at any time, that
// freezes in an invocation and after it, that runs two processes at once; a
// receiver that is slow or answers 500. After each the judge says whether all is
// right. FUNCTION_SEED runs the same faults again.
func Random(t *testing.T, cluster *local.Cluster, p Platform) {
	t.Helper()
	number, n := seed(t), invocations()
	t.Logf("FUNCTION_SEED=%d, %d invocations", number, n)
	// Small pages, so that runs end in the middle; a short budget, so that a receiver that is down is an error soon.
	w := NewWorld(t, cluster, p, "source: {pageBytes: 2KiB}\ndelivery: {concurrency: 2, retry: {budget: 100ms, initial: 10ms, max: 40ms}}")
	r := &random{World: w, writer: newWriter(w), judge: newJudge(w.Hook), store: w.store()}
	r.instance = w.Start(enough)
	for i, s := range plan(rand.New(rand.NewPCG(number, 0)), n) { //nolint:gosec // a choice of faults
		t.Logf("%d: %s (%d events, %d meanwhile, timeout %s, delay %s, after %s for %s)",
			i, s.fault, s.before, s.meanwhile, s.timeout, s.delay, s.after, s.lasts)
		r.step(s)
	}
	r.instance.thaw(t)
	w.Hook.Delay.Store(0)
	w.Hook.Status.Store(http.StatusOK)
	answer, err := r.instance.Invoke()
	require.True(t, r.call(r.instance, answer, err).report.CaughtUp)
	r.judge.atTheEnd(t, r.writer)
}

type random struct {
	*World
	writer   *writer
	judge    *judge
	store    state.Store
	instance *Instance
}

// call is what became of one invocation.
type call struct {
	*Instance
	answer   Answer
	answered bool
	report   run.Report // as it was logged
}

func (r *random) step(s step) {
	r.instance.thaw(r.t)
	require.NoError(r.t, r.writer.write(r.t.Context(), s.before))
	r.Hook.Delay.Store(int64(s.delay))
	r.Hook.Status.Store(http.StatusOK)
	if s.fault == refused {
		r.Hook.Status.Store(http.StatusInternalServerError)
	}
	wait := r.writer.all(r.t, s.meanwhile)
	calls := r.invoke(s)
	wait()
	r.judge.afterStep(r.t, s, calls, r.writer)
	switch {
	case s.fault == restarted || s.fault == killed || !calls[0].answered:
		r.instance.Kill()
		r.leaseEnds(r.instance)
		r.instance = r.Start(enough)
	case s.fault == between:
		require.NoError(r.t, r.instance.Freeze())
		time.Sleep(s.lasts)
	}
}

// invoke invokes with the fault of the step, which comes in the meantime.
func (r *random) invoke(s step) []call {
	if s.fault != overlap {
		faulty := make(chan error, 1)
		go func() { faulty <- r.instance.disturb(s) }()
		answer, err := r.instance.Within(s.timeout)
		require.NoError(r.t, <-faulty)
		return []call{r.call(r.instance, answer, err)}
	}
	other := r.Start(enough)
	defer other.Kill()
	var second Answer
	var secondErr error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		time.Sleep(s.after)
		second, secondErr = other.Within(s.timeout)
	}()
	first, firstErr := r.instance.Within(s.timeout)
	<-ended
	return []call{r.call(r.instance, first, firstErr), r.call(other, second, secondErr)}
}

// disturb does to the process what the platform may.
func (i *Instance) disturb(s step) error {
	switch s.fault {
	case killed:
		time.Sleep(s.after)
		i.Kill()
	case frozen:
		time.Sleep(s.after)
		if err := i.Freeze(); err != nil {
			return err
		}
		time.Sleep(s.lasts)
		return i.Thaw()
	}
	return nil
}

func (i *Instance) thaw(t *testing.T) {
	t.Helper()
	require.NoError(t, i.Thaw())
}

func (r *random) call(i *Instance, answer Answer, err error) call {
	c := call{Instance: i, answer: answer, answered: err == nil}
	if !c.answered {
		require.ErrorIs(r.t, err, ErrNoAnswer)
		return c
	}
	c.report = lastReport(r.t, i.Log(r.t))
	return c
}

// store is the checkpoint's, opened as the function opens it.
func (w *World) store() state.Store {
	w.t.Helper()
	for _, variable := range append(slices.Clone(w.env), "PROCESS=judge") {
		name, value, _ := strings.Cut(variable, "=")
		w.t.Setenv(name, value)
	}
	a, err := app.New(w.t.Context(), app.Options{ConfigFile: w.config})
	require.NoError(w.t, err)
	store, err := a.Store(w.t.Context())
	require.NoError(w.t, err)
	return store
}

// leaseEnds lets the lease of a process that was killed end now, and not after
// 30 s that the test would have to wait. It is sure that nobody else holds it.
func (r *random) leaseEnds(i *Instance) {
	c, token, err := r.store.Load(r.t.Context())
	if errors.Is(err, state.ErrNotFound) {
		return
	}
	require.NoError(r.t, err)
	if !c.Lease.Expires.After(time.Now()) {
		return // given back, or of one that was killed before, and this one had not begun
	}
	require.Contains(r.t, c.Lease.Holder, fmt.Sprintf("/%d/", i.cmd.Process.Pid), "the lease is held by somebody else")
	next := c.Clone()
	next.Revision++
	next.Lease.Expires = time.Now().UTC()
	_, err = r.store.Commit(r.t.Context(), next, token)
	require.NoError(r.t, err)
	r.judge.cursors(r.t, slices.Collect(maps.Values(c.Clusters)), r.writer)
}
