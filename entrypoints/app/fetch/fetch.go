// Package fetch is how a process asks for what it needs before it can work, its
// configuration and its secrets, where those are in AWS, Google Cloud or a
// cluster.
//
// Nothing is read and nobody is asked before the first call. Clients are made
// then and kept; a failure is not. A call makes one attempt of at most Timeout:
// the next run tries again, or watch after a while. Errors hold no URL, no token
// and nothing of what was fetched; WrongError tells those that no further try mends.
// Everything may be called concurrently.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Timeout bounds one attempt.
const Timeout = 15 * time.Second

// WrongError is an error that only a person can mend: a name, a key, a permission.
type WrongError struct{ text string }

func (w *WrongError) Error() string { return w.text }

// Wrongf makes one.
func Wrongf(format string, args ...any) error { return &WrongError{fmt.Sprintf(format, args...)} }

// IsWrong reports whether err is or wraps a WrongError.
func IsWrong(err error) bool {
	var wrong *WrongError
	return errors.As(err, &wrong)
}

// Kube says what an error of the API server means; permission is what the call
// needs, such as "get on secrets/slack in namespace prod".
func Kube(ctx context.Context, permission string, err error) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err):
		return Wrongf("not allowed: %s", permission)
	case apierrors.IsNotFound(err):
		return Wrongf("does not exist")
	}
	return plain(ctx, err)
}

// plain is what went wrong without where.
func plain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if transport := (*url.Error)(nil); errors.As(err, &transport) {
		return transport.Err
	}
	return err
}

// NoAWS and NoGoogle answer for what a slim binary was built without.
func NoAWS() error {
	return Wrongf("not built into this binary, which has no AWS (built with -tags slim)")
}

// NoGoogle is NoAWS for Google.
func NoGoogle() error {
	return Wrongf("not built into this binary, which has no Google Cloud (built with -tags slim)")
}
