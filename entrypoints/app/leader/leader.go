// Package leader lets one of several replicas work at a time, by a Lease of
// Kubernetes (coordination.k8s.io/v1).
//
// It promises that work runs only while the Lease is ours, as far as can be
// known without fencing; that the Lease is given back only after work has
// returned, so that nobody begins while we still deliver; and that who lost it
// waits for it again. It does not promise that a process that was paused for
// longer than the Lease does nothing when it wakes up: it may finish what it had
// in flight, and the lease in the checkpoint stops it before anything else.
//
// The API server is asked again, for as long as it takes, whatever it answers;
// the log says once what is wrong. Run is called once at a time for an Options.
package leader

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/entrypoints/app/cluster"
)

// ErrLost is the cause (context.Cause) of the end of work's context when it is
// not the leader any more.
var ErrLost = errors.New("the leadership was lost")

// Options say which Lease, for how long, and who is told.
type Options struct {
	Config    *rest.Config // of the cluster; it is not changed, and its limits on requests do not count here
	Namespace string       // of the Lease; "" is where this process runs, outside a cluster the namespace default
	Name      string       // of the Lease
	// Identity names this replica in the Lease, for people; "" is the pod's or the
	// host's name. A random part makes it unique, also among restarts.
	Identity string

	// LeaseDuration, in whole seconds, is how long a silent leader keeps the others
	// waiting. RenewDeadline, less than it, is how long the leader tries to renew
	// before its work ends. RetryPeriod is how often it renews, and how often,
	// with up to 1.2 times as much on top, the others look.
	LeaseDuration, RenewDeadline, RetryPeriod time.Duration

	// Stop is closed when this replica shall not begin any more, may be nil. It does
	// not end work's context: work sees it by itself, and has the Lease while it
	// delivers and commits.
	Stop <-chan struct{}
	// OnChange is told who is the leader, "" while that is nobody or not known, and
	// whether that is us. Calls do not overlap, and delay the election; may be nil.
	OnChange func(leader string, isUs bool)
	Log      *slog.Logger
}

// Run waits until this replica is the leader and runs work. Its context ends
// with ctx, or with ErrLost as its cause when another one may be the leader. Run
// then waits for work to return, and for the leadership again.
//
// It returns when ctx ends or Stop is closed, after work has returned, or when
// work has returned by itself, with the error of that. What stands in the way of
// the Lease is no error: it is logged and tried again.
func Run(ctx context.Context, o Options, work func(ctx context.Context) error) error {
	o.Namespace = cmp.Or(o.Namespace, cluster.Namespace(), "default")
	o.Identity = identity(o.Identity)
	if err := o.validate(); err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	client, err := leases(o)
	if err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	c := &candidate{Options: o, client: client, work: work}
	for !c.over(ctx) {
		if err := c.term(ctx); !errors.Is(err, ErrLost) {
			return err
		}
	}
	return nil
}

func identity(name string) string {
	if name = cmp.Or(name, os.Getenv("POD_NAME")); name == "" {
		name, _ = os.Hostname()
	}
	return name + "_" + rand.Text()[:8]
}

type candidate struct {
	Options
	client rest.Interface
	work   func(ctx context.Context) error
}

func (c *candidate) over(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	case <-c.Stop:
		return true
	default:
		return false
	}
}

// term waits for the leadership, once, and works. It returns ErrLost if it may
// wait for it again.
func (c *candidate) term(ctx context.Context) error {
	working, end := context.WithCancelCause(ctx)
	defer end(nil)
	// The election ends after work, whatever ends work: until then it renews.
	candidacy, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	e := &election{lease: c.lease(func() {
		end(ErrLost)
		leave()
	})}
	began, over := make(chan struct{}), make(chan struct{})
	c.Log.Info("this replica waits for the leadership", "lease", c.Namespace+"/"+c.Name, "identity", c.Identity)
	go func() {
		defer close(over)
		e.run(candidacy, func() { close(began) })
		end(ErrLost)
	}()
	var err error
	select {
	case <-ctx.Done():
	case <-c.Stop:
	case <-over: // lost before work began
		err = ErrLost
	case <-began:
		err = c.lead(working)
	}
	leave()
	<-over
	e.release(ctx)
	return err
}

// lead works. An error of work that has lost the leadership is one of being cut
// short.
func (c *candidate) lead(working context.Context) error {
	c.Log.Info("this replica is the leader", "lease", c.Namespace+"/"+c.Name, "identity", c.Identity)
	err := c.work(working)
	if !errors.Is(context.Cause(working), ErrLost) {
		return err
	}
	c.Log.Warn("the leadership was lost, this replica stands by", "lease", c.Namespace+"/"+c.Name, "work", err)
	return ErrLost
}
