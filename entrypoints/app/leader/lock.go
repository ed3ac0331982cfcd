package leader

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lock is the Lease as client-go's election sees it, and watches over what
// passes: client-go tells who leads only after a round of renewals, and that it
// lost only after RenewDeadline, although the API server has just said so. It is
// used by the election's goroutine, and after that has ended by term's.
type lock struct {
	resourcelock.Interface
	of   *candidate
	lost func() // the Lease that was ours is not any more

	holder  string // as last seen
	tried   bool   // we wrote to it, so it may be ours
	trouble map[string]metav1.StatusReason
}

func (c *candidate) lock(lost func()) *lock {
	return &lock{of: c, lost: lost, trouble: map[string]metav1.StatusReason{}, Interface: &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name},
		Client:     c.client,
		LockConfig: resourcelock.ResourceLockConfig{Identity: c.Identity},
	}}
}

// Get tells the rest of the program at once whose the Lease is.
func (l *lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil {
		l.saw(record.HolderIdentity)
	}
	l.heard("get", err)
	return record, raw, err
}

// Create may have made us the leader also if it fails.
func (l *lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	l.tried = true
	err := l.Interface.Create(ctx, record)
	if err == nil {
		l.saw(record.HolderIdentity)
	}
	l.heard("create", err)
	return err
}

// Update likewise.
func (l *lock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	l.tried = true
	err := l.Interface.Update(ctx, record)
	if err == nil {
		l.saw(record.HolderIdentity)
	}
	l.heard("update", err)
	return err
}

// saw takes who holds the Lease.
func (l *lock) saw(holder string) {
	before := l.holder
	if holder == before {
		return
	}
	l.holder = holder
	if before == l.Identity() {
		l.lost()
	}
	if l.of.OnChange != nil {
		l.of.OnChange(holder, holder == l.Identity())
	}
}

// heard logs what stands in the way of a request, once until that changes.
func (l *lock) heard(verb string, err error) {
	reason, failing := l.trouble[verb]
	switch {
	case errors.Is(err, context.Canceled): // by us
	case answered(verb, err):
		delete(l.trouble, verb)
		if failing {
			l.of.Log.Info("the Lease of the leader election is reached again", "operation", verb)
		}
	case !failing || reason != apierrors.ReasonForError(err):
		l.trouble[verb] = apierrors.ReasonForError(err)
		l.of.Log.Error("the Lease of the leader election is out of reach, trying again", "error", l.explain(verb, err))
	}
}

// answered also if nobody has created the Lease yet, or somebody was first.
func answered(verb string, err error) bool {
	return err == nil || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) ||
		apierrors.IsNotFound(err) && verb != "create"
}

func (l *lock) explain(verb string, err error) error {
	what := fmt.Sprintf("%s lease %s in namespace %s", verb, l.of.Name, l.of.Namespace)
	// Its text holds the whole URL.
	if transport := (*url.Error)(nil); errors.As(err, &transport) {
		return fmt.Errorf("%s: %w", what, transport.Err)
	}
	switch {
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%s: this needs get, create and update on leases of coordination.k8s.io: %w", what, err)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%s: there is no such namespace: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// release gives the Lease back if it is ours, so that another one need not wait
// for its end. Whose it is the API server says, and nobody can come in between:
// the Update is for the version that was read.
func (l *lock) release(ctx context.Context) {
	if !l.tried {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.of.RenewDeadline/2)
	defer cancel()
	for ctx.Err() == nil {
		record, _, err := l.Get(ctx)
		if err != nil || record.HolderIdentity != l.Identity() {
			break
		}
		now := metav1.NewTime(time.Now())
		err = l.Update(ctx, resourcelock.LeaderElectionRecord{
			LeaseDurationSeconds: 1, LeaderTransitions: record.LeaderTransitions, AcquireTime: now, RenewTime: now,
		})
		if !apierrors.IsConflict(err) {
			break
		}
	}
	// Not reached, it ends by itself; we are not the leader either way.
	if l.holder == l.Identity() {
		l.saw("")
	}
}
