package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// retry runs one request until it answers, fails for good, or the budget is
// spent. The error names the operation and the last failure.
func retry[T any](ctx context.Context, s *Source, operation string, request func() (T, error)) (T, error) {
	policy := backoff.NewExponentialBackOff()
	policy.InitialInterval, policy.RandomizationFactor = 250*time.Millisecond, 1
	var failure error // what it failed with while there was time
	attempt := func() (T, error) {
		v, err := request()
		err = withoutURL(err)
		if ctx.Err() == nil {
			failure = err
		}
		switch {
		case err == nil || ctx.Err() != nil || final(err):
			return v, permanent(err)
		}
		if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
			return v, fmt.Errorf("%w: %w", err, backoff.RetryAfter(seconds))
		}
		return v, err
	}
	v, err := backoff.Retry(ctx, attempt, backoff.WithBackOff(policy), backoff.WithMaxElapsedTime(s.RetryBudget),
		backoff.WithNotify(func(err error, wait time.Duration) {
			s.Log.Warn("API server request failed, trying again", "operation", operation, "error", err, "in", wait.Round(time.Millisecond))
		}))
	var p *backoff.PermanentError
	if errors.As(err, &p) {
		err = p.Err
	}
	if err != nil && failure != nil {
		err = failure
	}
	if _, bare := err.(apierrors.APIStatus); err == nil || bare { // the server's own words name verb and resource
		return v, err
	}
	return v, fmt.Errorf("%s: %w", operation, err)
}

// withoutURL leaves the address out of an error: it may hold what is not for a
// log, and the operation says what was asked for.
func withoutURL(err error) error {
	var asked *url.Error
	if errors.As(err, &asked) {
		return asked.Err
	}
	return err
}

func permanent(err error) error {
	if err == nil {
		return nil
	}
	return backoff.Permanent(err)
}

// final errors are the same however often one asks: the server understood and
// refused, or what it sent cannot be read.
func final(err error) bool {
	return apierrors.IsUnauthorized(err) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) ||
		apierrors.IsBadRequest(err) || apierrors.IsInvalid(err) || apierrors.IsMethodNotSupported(err) ||
		apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || errors.Is(err, errMalformed)
}
