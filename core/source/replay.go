package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/state"
)

// A replay is a watch from the cursor. Events have no watch cache, so that it
// goes to etcd and brings every version since, in order, back to the last
// compaction. Its cost grows with the new events, not with the retained ones.
//
// A watch does not say when it has caught up: the marker does. Where none may be
// written the replay ends at the version that was current when it began, or
// after a quiet moment, and keeps the last version that it saw.
type replay struct {
	source *Source
	yield  func(Page) bool
	until  string // the marker's version, "" without one
	head   string // the version that was current at the beginning
	from   state.Cursor
	next   state.Cursor

	events []*event.Event
	bytes  int
}

// errCompacted says that the server has forgotten the history after the cursor.
var errCompacted = errors.New("the history since the cursor was compacted")

// errWatchForbidden says that events may be listed and not watched.
var errWatchForbidden = errors.New("events may not be watched")

// errWatchEnded is for a watch that gave no reason.
var errWatchEnded = errors.New("the server closed the watch")

// errNoMarker says that the watch does not bring the marker that was written.
var errNoMarker = errors.New("the watch did not bring the marker")

// stalled is how long a watch may say nothing while the marker is awaited. A
// server that lost our watch, or a selector that hides the marker, would else
// hang the run.
const stalled = 15 * time.Second

// run hands out everything after its cursor. r.next is always a valid cursor for
// what was handed out.
func (r *replay) run(ctx context.Context) error {
	for failures := 0; ; {
		before := r.next.ResourceVersion
		done, err := r.watch(ctx)
		switch {
		case done || errors.Is(err, errStopped) || errors.Is(err, errCompacted) || errors.Is(err, errNoMarker) || err != nil && final(err):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case r.next.ResourceVersion != before:
			failures = 0
		}
		// Servers end watches now and then. One that never brings anything is broken.
		if failures++; failures > 5 {
			return fmt.Errorf("watch events: ended %d times without an event: %w", failures, cmp.Or(err, errWatchEnded))
		}
	}
}

// watch opens one watch and follows it to the end of the replay, or until it
// breaks off.
func (r *replay) watch(ctx context.Context) (done bool, _ error) {
	w, err := r.open(ctx, r.source.request)
	if err != nil {
		return false, err
	}
	defer w.Stop()

	patience := r.source.Quiet
	if r.until != "" {
		patience = stalled
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-timer.C:
			if r.until != "" {
				return false, errNoMarker
			}
			return true, r.finish()
		case change, open := <-w.ResultChan():
			if !open {
				return false, r.flush()
			}
			if done, err := r.take(change); done || err != nil {
				return done, err
			}
			timer.Reset(patience)
		}
	}
}

// request begins a request for events.
type request func() *rest.Request

// open opens a watch after the cursor.
func (r *replay) open(ctx context.Context, begin request) (watch.Interface, error) {
	w, err := retry(ctx, r.source, "watch events", func() (watch.Interface, error) {
		return begin().Param("watch", "true").Param("resourceVersion", r.next.ResourceVersion).
			Param("fieldSelector", r.source.selector()).MaxRetries(0).Watch(ctx)
	})
	switch {
	case apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
		r.source.Metrics.Compactions.Inc()
		return nil, errCompacted
	case apierrors.IsForbidden(err):
		return nil, fmt.Errorf("%w: %w", errWatchForbidden, err)
	}
	return w, err
}

// take handles one message of the watch.
func (r *replay) take(change watch.Event) (done bool, _ error) {
	version, err := r.apply(change)
	if err != nil {
		return false, err
	}
	done, err = r.reached(version)
	switch {
	case err != nil:
		return false, err
	case done:
		return true, r.finish()
	case r.isFull():
		return false, r.flush()
	}
	return false, nil
}

// apply keeps what a message brings and returns its version.
func (r *replay) apply(change watch.Event) (version string, _ error) {
	if change.Type == watch.Error {
		err := apierrors.FromObject(change.Object)
		if flushErr := r.flush(); flushErr != nil {
			return "", flushErr // nobody reads on, so that there is nothing to fall back to
		}
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			r.source.Metrics.Compactions.Inc()
			return "", errCompacted
		}
		return "", err
	}
	ev, ok := change.Object.(*corev1.Event)
	if !ok {
		return "", fmt.Errorf("%w: a watch of events brought a %T", errMalformed, change.Object)
	}
	r.next.ResourceVersion = ev.ResourceVersion
	if change.Type == watch.Added || change.Type == watch.Modified {
		r.keep(ev)
	}
	return ev.ResourceVersion, nil
}

func (r *replay) isFull() bool {
	return len(r.events) >= r.source.PageEvents || r.bytes >= r.source.PageBytes
}

func (r *replay) keep(raw *corev1.Event) {
	size := raw.Size()
	ev := event.New(*raw, r.source.ClusterName)
	if r.source.wanted(raw) && r.source.exports(ev) {
		r.events = append(r.events, ev)
		r.bytes += size
	}
}

// reached reports whether a version is at or beyond the end, whoever's it is: a
// marker may be overwritten before the watch comes to it.
func (r *replay) reached(version string) (bool, error) {
	end := r.until
	if end == "" {
		end = r.head
	}
	beyond, err := after(end, version)
	return !beyond, err
}

// flush hands out what was kept, in mid-read.
func (r *replay) flush() error {
	if r.next.ResourceVersion == r.from.ResourceVersion {
		return nil
	}
	r.next.ReadAt = currentAt(r.from, r.events)
	return r.hand()
}

// finish hands out the last page. Its cursor is of now, also when it is empty.
func (r *replay) finish() error {
	r.next.ReadAt = r.source.Meter.ServerTime()
	return r.hand()
}

func (r *replay) hand() error {
	page := Page{Events: r.events, Next: r.next, Bytes: r.bytes}
	r.from, r.events, r.bytes = r.next, nil, 0
	if !r.yield(page) {
		return errStopped
	}
	return nil
}

// replay reads from the cursor to the marker.
func (s *Source) replay(ctx context.Context, from state.Cursor, head listMeta, marker string, yield func(Page) bool) error {
	if marker != "" {
		from.Marker = marker
	}
	r := &replay{source: s, yield: yield, until: marker, head: head.version, from: from, next: from}
	return r.run(ctx)
}
