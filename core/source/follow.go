package source

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/packetboat/packetboat/state"
)

// Follow hands out everything newer than from, as Since does, and then what
// comes, for as long as ctx lasts. The first page that says Following is where
// it has caught up. It ends with an error when the API server cannot be read;
// the cursor of the last page is still good, and who wants to go on calls it
// again, after a while.
//
// A watch that the server closes, or that has lost its place in the history, is
// opened again by way of Since, which sees gaps and rewritten histories.
func (s *Source) Follow(ctx context.Context, from state.Cursor) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		err := s.follow(ctx, from, func(p Page) bool { return yield(p, nil) })
		if err != nil && !errors.Is(err, errStopped) {
			yield(Page{}, err)
		}
	}
}

// shortest is how long a watch may last before it is opened again without a pause.
const shortest = time.Second

// pollTime is between two reads where events may be listed and not watched.
const pollTime = 10 * time.Second

func (s *Source) follow(ctx context.Context, from state.Cursor, yield func(Page) bool) error {
	note := func(p Page) bool {
		from = p.Next
		s.hear()
		return yield(p)
	}
	for {
		if err := s.since(ctx, from, note); err != nil {
			return err
		}
		if !note(Page{Next: from, Read: Following}) {
			return errStopped
		}
		s.Metrics.Read(Following)
		began := time.Now()
		err := s.tail(ctx, from, func(p Page) bool {
			p.Read = Following
			return note(p)
		})
		switch {
		case errors.Is(err, errStopped):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errWatchForbidden):
			s.forbidWatch(err)
			if err := pause(ctx, pollTime); err != nil {
				return err
			}
			continue
		case errors.Is(err, errCompacted), errors.Is(err, errNoMarker):
			s.Log.Warn("the watch lost its place, reading what it missed", "error", err)
		case err != nil && final(err):
			return err
		case err != nil:
			s.Log.Info("the watch broke off, opening it again", "error", err)
		}
		s.Metrics.Reconnects.Inc()
		// Servers close a watch after minutes. One that is closed at once would
		// otherwise be opened many times a second.
		if time.Since(began) < shortest {
			if err := pause(ctx, shortest); err != nil {
				return err
			}
		}
	}
}

func (s *Source) forbidWatch(err error) {
	if s.watchForbidden {
		return
	}
	s.watchForbidden = true
	s.Log.Info("every read lists all retained events; grant watch on events to read only what is new", "error", err)
}

func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Source) hear() {
	now := time.Now()
	s.heard.Store(now.UnixNano())
	s.Metrics.Heard(now)
}

// Heard is when a followed watch last brought something, be it our own
// heartbeat; the zero time before the first. It may be called concurrently.
func (s *Source) Heard() time.Time {
	at := s.heard.Load()
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at)
}

// gather is how long the first event of a page waits for others.
const gather = 20 * time.Millisecond

// A tail is the watch that goes on where a read has caught up.
//
// Its heartbeat is the marker, written again and again: on a quiet cluster it
// keeps the cursor inside the history that the server still has, and a watch
// that does not bring it is broken (measured: one that is asked for a version
// from the future answers 200 and stays silent for ever).
type tail struct {
	replay
	ctx     context.Context
	written string      // heartbeat that the watch has not brought yet
	stall   *time.Timer // runs out if it does not
	full    *time.Timer // runs out when a page has waited long enough
}

// tail returns nil when the server closed the watch.
func (s *Source) tail(ctx context.Context, from state.Cursor, yield func(Page) bool) error {
	if s.watchForbidden {
		return errWatchForbidden
	}
	t := &tail{
		ctx: ctx, stall: newStopped(), full: newStopped(),
		replay: replay{source: s, yield: yield, from: from, next: from},
	}
	defer t.stall.Stop()
	defer t.full.Stop()
	w, err := t.open(ctx, s.tailRequest())
	if err != nil {
		return err
	}
	defer w.Stop()
	return t.follow(w)
}

func newStopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

func (t *tail) follow(w watch.Interface) error {
	var beat <-chan time.Time
	if t.source.Heartbeat > 0 && t.source.markerVisible() {
		ticker := time.NewTicker(t.source.Heartbeat)
		defer ticker.Stop()
		beat = ticker.C
	}
	for {
		select {
		case <-t.ctx.Done():
			return context.Cause(t.ctx)
		case <-beat:
			if err := t.beat(); err != nil {
				return err
			}
		case <-t.stall.C:
			return errNoMarker
		case <-t.full.C:
			if err := t.flush(); err != nil {
				return err
			}
		case change, open := <-w.ResultChan():
			if !open {
				return t.flush()
			}
			if err := t.take(change); err != nil {
				return err
			}
		}
	}
}

// beat writes the marker. One that is still awaited is enough.
func (t *tail) beat() error {
	if t.written != "" {
		return nil
	}
	written, err := t.source.mark(t.ctx)
	if err != nil || written == "" {
		return err
	}
	t.source.remember(written)
	t.written = written
	t.stall.Reset(stalled)
	return nil
}

func (t *tail) take(change watch.Event) error {
	t.source.hear()
	version, err := t.apply(change)
	if err != nil {
		return err
	}
	if t.written != "" {
		ahead, err := after(t.written, version)
		if err != nil {
			return err
		}
		if !ahead {
			return t.heartbeat()
		}
	}
	if t.isFull() {
		t.full.Stop()
		return t.flush()
	}
	if len(t.events) == 1 {
		t.full.Reset(gather)
	}
	return nil
}

// heartbeat hands out what there is, with a cursor that is of now.
func (t *tail) heartbeat() error {
	t.stall.Stop()
	t.full.Stop()
	t.next.Marker, t.written = t.written, ""
	return t.finish()
}

// tailRequest watches all namespaces where several are read: one watch has one
// order. What is not wanted is left out as it comes.
func (s *Source) tailRequest() request {
	if len(s.Namespaces) <= 1 {
		return s.request
	}
	return s.everywhere
}

// wanted reports whether an event of a watch is of a namespace that is read.
func (s *Source) wanted(ev *corev1.Event) bool {
	return len(s.Namespaces) <= 1 || slices.Contains(s.Namespaces, ev.Namespace)
}

// markerVisible reports whether a read of our namespaces brings the marker.
func (s *Source) markerVisible() bool {
	switch {
	case s.Marker == nil || slices.Contains(s.ExcludeNamespaces, s.Marker.Namespace):
		return false
	case len(s.Namespaces) == 1:
		return s.Namespaces[0] == s.Marker.Namespace || s.Namespaces[0] == metav1.NamespaceAll
	}
	return true
}
