package enrich

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
)

// answer is what the API server knows of what was asked for.
type answer int

const (
	silence answer = iota // nobody can say: no labels, and no reason to wait
	absent                // there is no such object or group, or the list's version has expired
	present
)

// question asks about a scope. An error means that the page is owed.
func (p *page) question(ctx context.Context, s scope, op operation, build func() *rest.Request, into runtime.Object) (answer, error) {
	well := p.well.Load()
	err := p.request(ctx, p.budget(s.resource), op, build, into)
	if excusable(ctx, s, err) && (!well || !apierrors.IsForbidden(err)) {
		// A server that has just started refuses what it will soon allow. Once it is well its word counts.
		if ready := p.ready(ctx); ready != nil {
			return silence, fmt.Errorf("%w; %w", err, ready)
		}
		p.well.Store(true)
		limited, cancel := context.WithTimeout(ctx, p.budget(s.resource))
		defer cancel()
		err = p.once(limited, op, build, into)
	}
	switch {
	case err == nil:
		return present, nil
	case isAnswer(err):
		return absent, nil
	case excusable(ctx, s, err):
		p.giveUp(s, err)
		return silence, nil
	}
	return silence, err
}

func isAnswer(err error) bool {
	return err == nil || apierrors.IsResourceExpired(err) || apierrors.IsNotFound(err) && !notServed(err)
}

// notServed tells a path that the server does not know from an object that it
// does not have: only the latter's 404 is a Status of the API.
func notServed(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// excusable failures do not hold up the export, if the server is well: it
// forbids, it does not know the path, or it is an API that is not Kubernetes'
// own, behind which anything may be broken for days.
func excusable(ctx context.Context, s scope, err error) bool {
	switch {
	case isAnswer(err) || ctx.Err() != nil || apierrors.IsTooManyRequests(err):
		return false
	case apierrors.IsForbidden(err) || notServed(err):
		return true
	}
	return !s.builtIn
}

// giveUp leaves a scope alone for a while.
func (p *page) giveUp(s scope, err error) {
	switch {
	case apierrors.IsForbidden(err):
		p.leave(s, closure{p.now.Add(p.CacheTTL), true})
		p.warnOnce("forbidden "+s.GroupResource().String(), "the metadata of involved objects may not be read: their events go on without labels; "+
			"grant get and list, or leave the kind out of enrich.kinds", "resource", s.GroupResource().String(), "error", err)
	case apierrors.IsNotFound(err):
		p.leave(s, closure{p.now.Add(brokenTTL), false})
	default:
		p.apis.Add(s.GroupVersion(), discovered{until: p.now.Add(brokenTTL)})
		p.warnOnce("broken "+s.GroupVersion().String(), "an API does not answer, while the API server is well: events about its objects go on without labels",
			"api", s.GroupVersion().String(), "error", err, "askedAgainAfter", brokenTTL)
	}
}

// leave closes a scope; that of a discovery has no resource.
func (p *page) leave(s scope, c closure) {
	if s.Resource == "" {
		p.apis.Add(s.GroupVersion(), discovered{until: c.until})
		return
	}
	p.closed.Add(s, c)
}

// ready asks the API server whether it and its storage are well. Every user may
// ask that; where it was forbidden, an answer must do.
func (p *page) ready(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, p.Budget/foreignShare)
	defer cancel()
	p.Metrics.Requests.Inc()
	err := p.REST.Get().AbsPath("/readyz").SetHeader("Accept", "*/*").MaxRetries(0).Do(limited).Error()
	if err == nil || apierrors.IsForbidden(err) {
		return nil
	}
	return fmt.Errorf("ask the API server whether it is ready: %w", err)
}
