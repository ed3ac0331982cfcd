// Package run is the spine: it takes the lease, finds where every receiver was,
// reads what is new, routes it, has it delivered and commits the checkpoint.
//
// The one invariant: the checkpoint never moves past an event that is still owed
// to a receiver. A run that dies anywhere is repaired by the next: what was sent
// and not committed is sent again, under the same IDs. A Job makes one run at a
// time.
package run

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// Source is where events come from; core/source implements it.
type Source interface {
	// Position says where the cluster is now.
	Position(ctx context.Context) (source.Position, error)
	// Since hands out what is newer than from, in order, and ends when caught up.
	Since(ctx context.Context, from state.Cursor) iter.Seq2[source.Page, error]
}

// Follower is a Source that can go on for ever; core/source implements it.
type Follower interface {
	// Follow hands out what is newer than from, in order, and then what comes.
	Follow(ctx context.Context, from state.Cursor) iter.Seq2[source.Page, error]
}

// Enricher adds to events what is known of their involved objects; core/enrich
// implements it.
type Enricher interface {
	// Enrich changes the events in place. An error leaves all of them owed. It may
	// be called concurrently, with different events.
	Enrich(ctx context.Context, events []*event.Event) error
}

// Router says who wants an event; core/route implements it.
type Router interface {
	// Route appends the indexes of the receivers that want ev to dst, each once.
	Route(ev *event.Event, dst []int) []int
}

// Receiver is one configured destination.
type Receiver struct {
	Name        string
	RenamedFrom string      // its name in older checkpoints
	Start       sinks.Start // where it begins without a cursor
	// StartAge bounds how far back the very first run reads, 0 for no bound.
	StartAge time.Duration
	// MaxAge drops events that happened longer ago, 0 for no bound.
	MaxAge time.Duration
	// OmitUpdates drops further versions of an event that was seen before.
	OmitUpdates bool
	// Idle leaves it out of this run: it gets nothing, and its cursor stays.
	Idle    bool
	Deliver *deliver.Receiver
}

// Job is what a run needs. The fields are not changed while it runs.
type Job struct {
	Source Source
	// Again is another Source of the same events, for receivers that Watch lets
	// fall behind. Once needs none.
	Again     Source
	Router    Router // its indexes are those of Receivers
	Receivers []Receiver
	Store     state.Store
	// Shards says which part of the cluster Source hands out. The zero Shards is
	// all of it, where no other split can have been.
	Shards    Shards
	Holder    string        // names this run in the lease; no other run may have it
	LeaseTime time.Duration // how long the lease is good without a renewal, default 30 s
	// CommitEvery is the least time between two commits, beside the store's own.
	CommitEvery time.Duration
	EventTTL    time.Duration // how long the cluster keeps events
	ReadMode    string        // for the Report, until a page says how it was read
	// ResetSince bounds how far back is delivered after the cluster's history was
	// rewritten, 0 for no bound.
	ResetSince time.Duration
	// ReportNotices sends a gap or a reset to the receivers as an event, too.
	ReportNotices bool
	Enricher      Enricher         // nil: none is needed
	Meter         *source.Meter    // of Source, may be nil
	DryRun        bool             // for the Report: Store and sinks are already harmless
	Metrics       *metrics.Metrics // nil: nothing is counted but the Report
	Log           *slog.Logger
	Now           func() time.Time

	eventsRead, dropped, retained atomic.Int64

	mu                 sync.Mutex
	gap, reset         *source.Notice
	readAs, readReason string
	lanes              []*lane // of the present run
	cluster            string

	active    atomic.Int64 // when a read last got on or failed, Unix nanoseconds
	following atomic.Bool
}

// Active is when reading last got on, or was tried; the zero time before the
// first. It may be called while the job runs.
func (j *Job) Active() time.Time {
	if at := j.active.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Following reports whether a Watch has caught up and follows. It may be called
// while the job runs.
func (j *Job) Following() bool { return j.following.Load() }

// Progress is what a run has done so far.
type Progress struct{ EventsRead, Delivered int64 }

// Progress may be called while the job runs.
func (j *Job) Progress() Progress {
	p := Progress{EventsRead: j.eventsRead.Load()}
	for _, r := range j.Receivers {
		p.Delivered += r.Deliver.Stats().Delivered
	}
	return p
}

// Cluster is the UID of the cluster that is read, "" before that is known and
// where it may not be read. It may be called while the job runs.
func (j *Job) Cluster() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cluster
}

// Dropped is how many events no receiver wanted. It may be called while the job
// runs.
func (j *Job) Dropped() int64 { return j.dropped.Load() }

// Retained is how many events the cluster held at the beginning, 0 or less
// before that is known. It may be called while the job runs.
func (j *Job) Retained() int64 { return j.retained.Load() }
