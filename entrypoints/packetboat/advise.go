package main

import (
	"errors"
	"fmt"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// advise adds what to do to errors that every operator meets once.
func advise(err error) string {
	switch {
	case apierrors.IsUnauthorized(err):
		return fmt.Sprintf("%v: the API server does not accept the token (it may have expired): renew the credentials of the kubeconfig or service account", err)
	case apierrors.IsForbidden(err):
		return fmt.Sprintf("%v: grant it, see the README on the rights that packetboat needs", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("%v: nothing listens there: is the cluster up, and is this the right kubeconfig?", err)
	}
	return err.Error()
}
