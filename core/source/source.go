// Package source reads the events of one cluster since a cursor.
//
// Every Page is in resourceVersion order and carries the cursor that is valid
// once its events are settled. Memory is bounded whatever the cluster retains.
// Failed requests are retried here, with full jitter, for as long as
// Options.RetryBudget; 401 and 403 are not. A Source is used by one goroutine
// at a time; the events in a page may be shared.
//
// The API server has no LIST "since" (measured on 1.37), so that there are two
// ways: a replay watches from the cursor to our own marker event, and costs by
// what is new (replay.go, marker.go); windows list all that is retained and keep
// what is newer than the cursor, within a bound (window.go, list.go). plan.go
// chooses. Both begin by asking whether the history is still the one that the
// cursor is of.
package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/state"
)

// Page is a run of events in resourceVersion order. Next is a valid cursor:
// everything at or before it has been handed out. Events may be empty.
type Page struct {
	Events []*event.Event
	Next   state.Cursor
	Bytes  int // of Events in protobuf, 0 if that is not known
	Notice *Notice
	Read   string // how it was read: Replay, Windows or Following
	Why    string // why so
}

// Notice says that a read could not simply go on from its cursor.
type Notice struct {
	// Reset: the history was rewritten, so that everything retained is handed
	// out again. Otherwise it is a gap: events expired before they were read.
	Reset  bool   `json:"-"`
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason"`
}

// Position is where a cluster is now.
type Position struct {
	Cluster  string       // UID of namespace kube-system, "" where it may not be read
	Cursor   state.Cursor // the current version, by the server's clock
	Retained int64        // events that the server holds, -1 if it does not say
}

// DefaultMemory bounds the events that are kept while reading, in bytes.
const DefaultMemory = 32 << 20

// Options configure a Source. The zero value of a number asks for its default.
type Options struct {
	REST        rest.Interface // core/v1, answering in protobuf
	Meter       *Meter         // wraps the transport of REST
	ClusterName string         // becomes Event.ClusterName

	Namespaces        []string // none: all
	ExcludeNamespaces []string
	Shard             Shard // what is handed out of these; the rest is read and left out

	PageEvents  int           // events per page handed out, default 1,000
	PageBytes   int           // bytes per page handed out, default 1 MiB
	Memory      int           // bytes of events kept while reading, default 32 MiB
	Chunk       int64         // events per LIST request, default 5,000
	RetryBudget time.Duration // for one request, default 15 s
	EventTTL    time.Duration // how long the API server keeps events, default 1 h

	Marker       *Marker       // nil: none is written
	ExportMarker bool          // hand out markers like other events
	Quiet        time.Duration // without a marker a replay ends after so long without an event, default 1 s
	Heartbeat    time.Duration // between two markers while Follow follows; 0: none are written then

	Metrics *metrics.Source // nil: nothing is counted
	Log     *slog.Logger
}

// Source reads one cluster's events.
type Source struct {
	Options
	saidUID         bool
	markerForbidden bool
	watchForbidden  bool
	chain           []string // markers known to be of the present history, oldest first

	heard atomic.Int64 // Unix nanoseconds
}

// New makes a Source.
func New(o Options) *Source {
	setDefault(&o.PageEvents, 1000)
	setDefault(&o.PageBytes, 1<<20)
	setDefault(&o.Memory, DefaultMemory)
	setDefault(&o.Chunk, 5000)
	setDefault(&o.RetryBudget, 15*time.Second)
	setDefault(&o.EventTTL, time.Hour)
	setDefault(&o.Quiet, time.Second)
	if o.Meter == nil {
		o.Meter = &Meter{}
	}
	if o.Metrics == nil {
		o.Metrics = metrics.Discard().Source
	}
	o.Meter.count.Store(o.Metrics)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Source{Options: o}
}

func setDefault[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// Since hands out everything newer than from and ends when it has caught up
// with the version that was current when it began. After an error the cursor of
// the last page is still good.
func (s *Source) Since(ctx context.Context, from state.Cursor) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		if err := s.since(ctx, from, func(p Page) bool { return yield(p, nil) }); err != nil &&
			!errors.Is(err, errStopped) {
			yield(Page{}, err)
		}
	}
}

// errStopped ends a read whose consumer wants no further page.
var errStopped = errors.New("the reader stopped")

func (s *Source) since(ctx context.Context, from state.Cursor, yield func(Page) bool) error {
	head, err := s.head(ctx)
	if err != nil {
		return err
	}
	now := s.Meter.ServerTime()
	reset, err := s.rewritten(ctx, from, head, now)
	if err != nil {
		return err
	}
	if reset != nil {
		s.chain = nil
		from = state.Cursor{ResourceVersion: startVersion}
	} else {
		s.remember(from.Marker)
	}
	// If we crash after this the next run finds a marker that it does not know. It
	// names those that it followed: after a reset none, so that the reset is seen again.
	marker, err := s.mark(ctx)
	if err != nil {
		return err
	}
	s.remember(marker)
	if reset != nil && !yield(Page{Next: from, Notice: reset, Read: Windows, Why: reset.Reason}) {
		return errStopped
	}
	how, why := s.plan(from, head, now)
	s.Metrics.Read(how)
	if how == Replay {
		until := marker
		if !s.markerVisible() {
			until = ""
		}
		err := s.replay(ctx, from, head, until, func(p Page) bool {
			from, p.Read, p.Why = p.Next, Replay, why
			return yield(p)
		})
		switch {
		case errors.Is(err, errWatchForbidden):
			s.forbidWatch(err)
			why = errWatchForbidden.Error()
		case errors.Is(err, errCompacted), errors.Is(err, errNoMarker):
			why = err.Error()
		default:
			return err
		}
		s.Metrics.Read(Windows)
	}
	gap := s.gap(from, now)
	return s.windows(ctx, from, marker, func(p Page) bool {
		p.Read, p.Why, p.Notice, gap = Windows, why, gap, nil
		return yield(p)
	})
}

func (s *Source) windows(ctx context.Context, from state.Cursor, marker string, yield func(Page) bool) error {
	w := window{
		scan: s.scanCluster,
		trim: new(trimmer).trim,
		decode: func(raw []byte) (*event.Event, error) {
			return decodeProtobuf(raw, s.ClusterName)
		},
		memory: s.Memory, pageEvents: s.PageEvents, pageBytes: s.PageBytes,
	}
	return w.read(ctx, from, func(p Page) bool {
		if marker != "" {
			p.Next.Marker = marker
		}
		p.Events = slices.DeleteFunc(p.Events, func(ev *event.Event) bool { return !s.exports(ev) })
		return yield(p)
	})
}

// exports reports whether an event that was read is handed out.
func (s *Source) exports(ev *event.Event) bool {
	return s.Shard.Has(ev.Namespace) && (s.ExportMarker || !isMarker(ev))
}

// rewritten says if the history that the cursor is of is not the cluster's any
// more. Everything retained is then handed out again, under the same IDs as
// before: a filter on time would lose what slow recorders write late.
func (s *Source) rewritten(ctx context.Context, from state.Cursor, head listMeta, now time.Time) (*Notice, error) {
	if fromStart(from) {
		return nil, nil
	}
	notice := &Notice{Reset: true, From: from.ResourceVersion, To: head.version}
	ahead, err := after(from.ResourceVersion, head.version)
	if err != nil {
		return nil, err
	}
	if ahead {
		notice.Reason = "the cursor is newer than the cluster: its history was rewritten (a restored etcd, or another cluster)"
		return notice, nil
	}
	if notice.Reason, err = s.continues(ctx, from, now); err != nil || notice.Reason == "" {
		return nil, err
	}
	return notice, nil
}

// gap says what expired unread since a cursor, if anything may have. It is asked
// of the server's clock: a page in mid-read counts as older than the read is.
func (s *Source) gap(from state.Cursor, now time.Time) *Notice {
	if from.ReadAt.IsZero() || now.IsZero() || fromStart(from) || now.Sub(from.ReadAt) <= s.EventTTL {
		return nil
	}
	return &Notice{
		From: from.ReadAt.UTC().Format(time.RFC3339), To: now.Add(-s.EventTTL).UTC().Format(time.RFC3339),
		Reason: fmt.Sprintf("events live %s in this cluster and nothing was read in between", s.EventTTL),
	}
}

// startVersion is the cursor before every version.
const startVersion = "0"

// after reports whether version a is newer than b. "" and "0" stand before
// every version.
func after(a, b string) (bool, error) {
	if b == "" || b == "0" {
		return true, nil
	}
	c, err := resourceversion.CompareResourceVersion(a, b)
	if err != nil {
		return false, fmt.Errorf("compare versions: %w", err)
	}
	return c > 0, nil
}
