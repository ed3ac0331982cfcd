package leader

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// lease is the Lease as the API server last told it. It passes on at once whose
// it is, and logs what stands in the way. One goroutine uses it.
type lease struct {
	of     *candidate
	client rest.Interface
	lost   func() // the Lease that was ours is not any more

	last    *coordinationv1.Lease // nil: none, or not known
	holder  string                // as last told to others
	tried   bool                  // we wrote to it, so it may be ours
	trouble map[string]metav1.StatusReason
}

func (c *candidate) lease(lost func()) *lease {
	return &lease{of: c, client: c.client, lost: lost, trouble: map[string]metav1.StatusReason{}}
}

// leases is a client for Leases alone: the clientset registers every type of
// Kubernetes. A request may take half of the time in which the Lease must be
// renewed, so that one that hangs leaves time for another.
func leases(o Options) (rest.Interface, error) {
	scheme := runtime.NewScheme()
	version := coordinationv1.SchemeGroupVersion
	scheme.AddKnownTypes(version, &coordinationv1.Lease{})
	metav1.AddToGroupVersion(scheme, version)
	metav1.AddToGroupVersion(scheme, metav1.SchemeGroupVersion) // Status, of what goes wrong

	config := rest.CopyConfig(o.Config)
	config.GroupVersion, config.APIPath = &version, "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.AcceptContentTypes, config.ContentType = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf
	config.QPS, config.Burst = -1, 0
	config.Timeout = o.RenewDeadline / 2
	return rest.RESTClientFor(config)
}

// get reads the Lease; an error that is NotFound says that there is none.
func (l *lease) get(ctx context.Context) error {
	found := &coordinationv1.Lease{}
	err := l.client.Get().Namespace(l.of.Namespace).Resource("leases").Name(l.of.Name).Do(ctx).Into(found)
	if err == nil {
		l.saw(found)
	}
	l.heard("get", err)
	return err
}

// put writes the Lease: it makes it if there is none, else it replaces the
// version that was read and no other. It may have made us the leader also if it
// fails.
func (l *lease) put(ctx context.Context, spec coordinationv1.LeaseSpec) error {
	l.tried = true
	verb, request, next := "create", l.client.Post(), &coordinationv1.Lease{}
	next.Namespace, next.Name = l.of.Namespace, l.of.Name
	if l.last != nil {
		verb, request, next = "update", l.client.Put().Name(l.of.Name), l.last.DeepCopy()
	}
	next.Spec = spec
	written := &coordinationv1.Lease{}
	err := request.Namespace(l.of.Namespace).Resource("leases").Body(next).Do(ctx).Into(written)
	if err == nil {
		l.saw(written)
	}
	l.heard(verb, err)
	return err
}

func holder(of *coordinationv1.Lease) string {
	if of == nil || of.Spec.HolderIdentity == nil {
		return ""
	}
	return *of.Spec.HolderIdentity
}

func (l *lease) ours() bool { return holder(l.last) == l.of.Identity }

// saw takes the Lease as it is now, and tells the rest of the program whose.
func (l *lease) saw(now *coordinationv1.Lease) {
	l.last = now
	l.tell(holder(now))
}

func (l *lease) tell(holder string) {
	before := l.holder
	if holder == before {
		return
	}
	l.holder = holder
	if before == l.of.Identity {
		l.lost()
	}
	if l.of.OnChange != nil {
		l.of.OnChange(holder, holder == l.of.Identity)
	}
}

// heard logs what stands in the way of a request, once until that changes.
func (l *lease) heard(verb string, err error) {
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

func (l *lease) explain(verb string, err error) error {
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
