package configmap

import (
	"errors"
	"fmt"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// isNotFound believes the API server only: a 404 page of a proxy in between
// would be taken for a first run.
func isNotFound(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// explain says what a person can do about an answer of the API server.
func (s *store) explain(verb string, err error) error {
	// Its text holds the whole URL.
	if transport := (*url.Error)(nil); errors.As(err, &transport) {
		return fmt.Errorf("%s: %w", verb, transport.Err)
	}
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return fmt.Errorf("%s: namespace %s is being deleted: %w", verb, s.config.Namespace, err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%s: this needs get, create and patch on %s %s in namespace %s: %w",
			verb, resource, s.config.Name, s.config.Namespace, err)
	case isNotFound(err):
		return fmt.Errorf("%s: namespace %s does not exist: %w", verb, s.config.Namespace, err)
	case apierrors.HasStatusCause(err, metav1.CauseTypeForbidden):
		return fmt.Errorf("%s: it is immutable, delete it or name another: %w", verb, err)
	case apierrors.HasStatusCause(err, metav1.CauseTypeTooLong):
		return fmt.Errorf("%s: what else is in it leaves too little room: %w", verb, err)
	}
	return fmt.Errorf("%s: %w", verb, err)
}
