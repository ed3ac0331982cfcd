package leader

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// The election is that of client-go, with the same Lease, so that replicas of
// other programs, and of older versions of this one, understand each other:
// who holds the Lease renews it every RetryPeriod; who does not looks at it, and
// takes it when nobody holds it or when it has not changed for as long as it
// says. Only this replica's own clock is asked how long that was: the times in
// the Lease are for people, since the clocks of machines differ.
//
// client-go's own package cannot be linked without the types of all of
// Kubernetes, which are a fifth of the binary.

// jitter keeps the replicas from looking all at once.
const jitter = 1.2

func (o Options) validate() error {
	switch {
	case o.LeaseDuration <= o.RenewDeadline:
		return errors.New("leaseDuration must be greater than renewDeadline")
	case o.RetryPeriod <= 0:
		return errors.New("retryPeriod must be greater than zero")
	case o.RenewDeadline <= time.Duration(jitter*float64(o.RetryPeriod)):
		return errors.New("renewDeadline must be greater than 1.2 times retryPeriod")
	}
	return nil
}

// election is one candidacy. One goroutine uses it.
type election struct {
	*lease
	version string    // of the Lease, as last seen
	since   time.Time // when that version was first seen: it is no younger
	renewed time.Time // when the last claim that worked was sent: for the others the Lease is no older
}

// run returns when ctx ends, or when the Lease was ours and may be another's.
func (e *election) run(ctx context.Context, began func()) {
	for !e.round(ctx) {
		if !pause(ctx, e.of.RetryPeriod+time.Duration(rand.Float64()*jitter*float64(e.of.RetryPeriod))) {
			return
		}
	}
	began()
	e.hold(ctx)
}

// hold renews, and returns when that did not work for RenewDeadline.
func (e *election) hold(ctx context.Context) {
	for ctx.Err() == nil {
		term, cancel := context.WithDeadline(ctx, e.renewed.Add(e.of.RenewDeadline))
		for pause(term, e.of.RetryPeriod) && !e.round(term) {
			continue
		}
		over := term.Err() != nil
		cancel()
		if over {
			return
		}
	}
}

// round takes or renews the Lease if it may be, and says whether it is ours now.
func (e *election) round(ctx context.Context) bool {
	if e.ours() {
		// A leader that was paused for longer than its Lease believes that it still
		// has it: another one's version makes this a conflict.
		if e.claim(ctx) == nil {
			return true
		}
	}
	switch err := e.get(ctx); {
	case apierrors.IsNotFound(err):
		e.last = nil
	case err != nil:
		return false
	case e.taken():
		return false
	}
	return e.claim(ctx) == nil
}

// taken says whether another replica has the Lease.
func (e *election) taken() bool {
	if e.version != e.last.ResourceVersion {
		e.version, e.since = e.last.ResourceVersion, time.Now()
	}
	duration := time.Duration(ptr.Deref(e.last.Spec.LeaseDurationSeconds, 0)) * time.Second
	return e.holder != "" && !e.ours() && time.Since(e.since) < duration
}

// claim writes us into the Lease.
func (e *election) claim(ctx context.Context) error {
	now := metav1.NowMicro()
	spec := coordinationv1.LeaseSpec{
		HolderIdentity: &e.of.Identity, LeaseDurationSeconds: new(int32(e.of.LeaseDuration / time.Second)),
		AcquireTime: &now, RenewTime: &now, LeaseTransitions: new(int32(0)),
	}
	if e.last != nil {
		before := e.last.Spec
		spec.LeaseTransitions = new(ptr.Deref(before.LeaseTransitions, 0) + 1)
		if e.ours() {
			spec.AcquireTime, spec.LeaseTransitions = before.AcquireTime, before.LeaseTransitions
		}
	}
	err := e.put(ctx, spec)
	if err == nil {
		e.renewed = now.Time
	}
	return err
}

// release gives the Lease back if it is ours, so that another one need not wait
// for its end. Whose it is the API server says, and nobody can come in between:
// what is written is for the version that was read.
func (e *election) release(ctx context.Context) {
	if !e.tried {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.of.RenewDeadline/2)
	defer cancel()
	for e.get(ctx) == nil && e.ours() {
		now := metav1.NowMicro()
		if err := e.put(ctx, coordinationv1.LeaseSpec{
			HolderIdentity: new(""), LeaseDurationSeconds: new(int32(1)),
			AcquireTime: &now, RenewTime: &now, LeaseTransitions: e.last.Spec.LeaseTransitions,
		}); !apierrors.IsConflict(err) {
			break
		}
	}
	// Not reached, it ends by itself; we are not the leader either way.
	if e.holder == e.of.Identity {
		e.tell("")
	}
}

// pause says whether ctx goes on after it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
