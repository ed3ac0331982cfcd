package enrich

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
)

// foreignShare is the part of the budget that an API gets which is not
// Kubernetes' own: it may be broken for days.
const foreignShare = 3

// operation says what is asked, and of what.
type operation struct{ verb, of string }

func (o operation) String() string { return o.verb + " " + o.of }

// path is where the objects of a scope are.
func (s scope) path() []string {
	path := []string{"/apis", s.Group, s.Version}
	if s.Group == "" {
		path = []string{"/api", s.Version}
	}
	if s.namespaced {
		path = append(path, "namespaces", s.namespace)
	}
	return append(path, s.Resource)
}

func (s scope) String() string {
	if !s.namespaced {
		return s.GroupResource().String()
	}
	return s.GroupResource().String() + " in namespace " + s.namespace
}

// accept asks for metadata instead of the object; an API that cannot leave the
// rest out sends all of it.
func accept(kind string) string {
	const as = ";as=%[1]s;g=meta.k8s.io;v=v1,"
	return fmt.Sprintf("application/vnd.kubernetes.protobuf"+as+"application/json"+as+"application/json", kind)
}

func (e *Enricher) budget(r resource) time.Duration {
	if r.builtIn {
		return e.Budget
	}
	return e.Budget / foreignShare
}

// request asks until there is an answer, a failure for good, or the budget is
// spent. client-go's own retries are off: they know no budget.
func (e *Enricher) request(ctx context.Context, budget time.Duration, op operation, build func() *rest.Request, into runtime.Object) error {
	limited, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	policy := backoff.NewExponentialBackOff()
	policy.InitialInterval, policy.RandomizationFactor = 100*time.Millisecond, 1
	var failure error // what it failed with while there was time
	attempt := func() (struct{}, error) {
		err := e.once(limited, op, build, into)
		if failure == nil || limited.Err() == nil {
			failure = err
		}
		switch {
		case err == nil:
			return struct{}{}, nil
		case limited.Err() != nil || final(err):
			return struct{}{}, backoff.Permanent(err)
		}
		if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
			return struct{}{}, fmt.Errorf("%w: %w", err, backoff.RetryAfter(seconds))
		}
		return struct{}{}, err
	}
	_, err := backoff.Retry(limited, attempt, backoff.WithBackOff(policy), backoff.WithMaxElapsedTime(budget),
		backoff.WithNotify(func(err error, wait time.Duration) {
			e.Log.Debug("look-up failed, trying again", "operation", op.String(), "error", err, "in", wait.Round(time.Millisecond))
		}))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	return failure
}

// once makes one request.
func (e *Enricher) once(ctx context.Context, op operation, build func() *rest.Request, into runtime.Object) error {
	e.Metrics.Requests.Inc()
	if err := decode(build().MaxRetries(0).Do(ctx), into); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

func decode(result rest.Result, into runtime.Object) error {
	err := result.Into(into)
	if !runtime.IsNotRegisteredError(err) {
		return err
	}
	// The whole object came, of a kind that our codec does not know.
	raw, err := result.Raw()
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// final errors are the same however often one asks.
func final(err error) bool {
	return apierrors.IsUnauthorized(err) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) ||
		apierrors.IsBadRequest(err) || apierrors.IsInvalid(err) || apierrors.IsMethodNotSupported(err) ||
		apierrors.IsNotAcceptable(err) || apierrors.IsResourceExpired(err)
}
