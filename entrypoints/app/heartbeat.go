package app

import (
	"context"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Heartbeat is the marker of this checkpoint as it lies in the cluster. It is
// written by every run, and again and again by a watch: one that is old says
// that nobody is at work, however quiet the cluster is.
type Heartbeat struct {
	At         time.Time `json:"at"` // by the clock of who wrote it
	AgeSeconds int64     `json:"ageSeconds"`
}

// annotationAt is core/source's: when the marker was written, in Unix nanoseconds.
const annotationAt = "packetboat.dev/at"

// heartbeat is nil if none is written, or it has expired, or may not be read.
func (a *App) heartbeat(ctx context.Context, now time.Time) (*Heartbeat, error) {
	store, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	marker := a.marker(store)
	if marker == nil {
		return nil, nil
	}
	client, err := a.Client()
	if err != nil {
		return nil, err
	}
	var ev corev1.Event
	err = client.Get().Namespace(marker.Namespace).Resource("events").Name(marker.Name).Do(ctx).Into(&ev)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read heartbeat: %w", err)
	}
	nanoseconds, err := strconv.ParseInt(ev.Annotations[annotationAt], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("read heartbeat: annotation %s of event %s/%s: %w", annotationAt, marker.Namespace, marker.Name, err)
	}
	at := time.Unix(0, nanoseconds).UTC()
	return &Heartbeat{At: at, AgeSeconds: max(0, int64(now.Sub(at).Seconds()))}, nil
}
