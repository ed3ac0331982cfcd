package source

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// scanCluster offers every retained event of one snapshot: of version at, or of
// now. Several namespaces are read one after the other at the same version, so
// that rights in those namespaces are enough.
func (s *Source) scanCluster(ctx context.Context, at string, offer func(version string, raw []byte) error) (snapshot, error) {
	namespaces := s.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	snap := snapshot{version: at, at: s.Meter.ServerTime()}
	for _, namespace := range namespaces {
		l := listing{source: s, namespace: namespace, pinned: snap.version, offer: offer}
		if err := l.run(ctx); err != nil {
			return snapshot{}, err
		}
		if snap.version == "" {
			snap = snapshot{version: l.version, at: l.at}
		}
	}
	return snap, nil
}

// listing is one paged LIST.
type listing struct {
	source    *Source
	namespace string
	pinned    string // version asked for, "" for now
	offer     func(version string, raw []byte) error

	version string // version of the first page: the snapshot
	at      time.Time
}

func (l *listing) run(ctx context.Context) error {
	next := ""
	for {
		meta, err := l.page(ctx, next)
		if token := inconsistentToken(err); token != "" && next != "" {
			// The snapshot was compacted in mid-list. The server goes on from the same
			// key at its present version; what is newer than our snapshot is dropped
			// later and read the next time.
			next = token
			continue
		}
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			return errSnapshotGone
		}
		if err != nil {
			return err
		}
		if l.version == "" {
			l.version, l.at = meta.version, l.source.Meter.ServerTime()
		}
		if meta.next == "" {
			return nil
		}
		next = meta.next
	}
}

// page asks for one page, again after a transient failure. What was offered
// before a connection broke is offered again; the keeper holds each once.
func (l *listing) page(ctx context.Context, next string) (listMeta, error) {
	s := l.source
	return retry(ctx, s, "list events", func() (listMeta, error) {
		req := s.REST.Get().NamespaceIfScoped(l.namespace, l.namespace != "").Resource("events").
			Param("limit", strconv.FormatInt(s.Chunk, 10)).MaxRetries(0)
		if selector := s.selector(); selector != "" {
			req = req.Param("fieldSelector", selector)
		}
		switch {
		case next != "":
			req = req.Param("continue", next)
		case l.pinned != "":
			req = req.Param("resourceVersion", l.pinned).
				Param("resourceVersionMatch", string(metav1.ResourceVersionMatchExact))
		}
		body, err := req.Stream(ctx)
		if err != nil {
			return listMeta{}, err
		}
		defer func() { _ = body.Close() }()
		return readList(body, l.offer)
	})
}

func (s *Source) selector() string {
	terms := make([]string, len(s.ExcludeNamespaces))
	for i, namespace := range s.ExcludeNamespaces {
		terms[i] = "metadata.namespace!=" + namespace
	}
	return strings.Join(terms, ",")
}

// inconsistentToken is the continue token that a 410 in mid-list may offer.
func inconsistentToken(err error) string {
	status, ok := err.(apierrors.APIStatus) // client-go returns it bare; a wrapped one is not an answer to this list
	if !ok || !apierrors.IsResourceExpired(err) {
		return ""
	}
	return status.Status().Continue
}

// Position asks where the cluster is now.
func (s *Source) Position(ctx context.Context) (Position, error) {
	head, err := s.head(ctx)
	if err != nil {
		return Position{}, err
	}
	p := Position{Retained: head.retained()}
	p.Cursor.ResourceVersion, p.Cursor.ReadAt = head.version, s.Meter.ServerTime()
	p.Cluster, err = s.clusterUID(ctx)
	return p, err
}

// head asks for one event: the answer tells the version that is current, the
// number retained and, by its Date, the server's clock.
func (s *Source) head(ctx context.Context) (listMeta, error) {
	return retry(ctx, s, "list events", func() (listMeta, error) {
		body, err := s.request().Param("limit", "1").MaxRetries(0).Stream(ctx)
		if err != nil {
			return listMeta{}, err
		}
		defer func() { _ = body.Close() }()
		return readList(body, func(string, []byte) error { return nil })
	})
}

// request is for events of the one namespace that is read, or of all.
func (s *Source) request() *rest.Request {
	namespace := ""
	if len(s.Namespaces) > 0 {
		namespace = s.Namespaces[0]
	}
	return s.REST.Get().NamespaceIfScoped(namespace, namespace != "").Resource("events")
}

// everywhere is for events of all namespaces, whichever are read.
func (s *Source) everywhere() *rest.Request { return s.REST.Get().Resource("events") }

// clusterUID is the UID of namespace kube-system, which lives as long as its
// cluster. Without the right to read it one check is lost, which is said once.
func (s *Source) clusterUID(ctx context.Context) (string, error) {
	ns, err := retry(ctx, s, "get namespace kube-system", func() (*corev1.Namespace, error) {
		ns := &corev1.Namespace{}
		return ns, s.REST.Get().Resource("namespaces").Name(metav1.NamespaceSystem).MaxRetries(0).Do(ctx).Into(ns)
	})
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		if !s.saidUID {
			s.saidUID = true
			s.Log.Warn("cannot read namespace kube-system, so another cluster behind the same address goes unnoticed; "+
				"grant get on namespaces, resourceName kube-system", "error", err)
		}
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find the cluster's identity: %w", err)
	}
	return string(ns.UID), nil
}
