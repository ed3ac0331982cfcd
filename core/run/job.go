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
	"sync/atomic"
	"time"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/event"
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
	Deliver     *deliver.Receiver
}

// Job is what a run needs. The fields are not changed while it runs.
type Job struct {
	Source    Source
	Router    Router // its indexes are those of Receivers
	Receivers []Receiver
	Store     state.Store
	Holder    string        // names this run in the lease; no other run may have it
	EventTTL  time.Duration // how long the cluster keeps events
	ReadMode  string        // for the Report, until a page says how it was read
	// ResetSince bounds how far back is delivered after the cluster's history was
	// rewritten, 0 for no bound.
	ResetSince time.Duration
	// ReportNotices sends a gap or a reset to the receivers as an event, too.
	ReportNotices bool
	Meter         *source.Meter // of Source, may be nil
	DryRun        bool          // for the Report: Store and sinks are already harmless
	Log           *slog.Logger
	Now           func() time.Time

	eventsRead, dropped, retained atomic.Int64
	counted                       string // newest version of which dropped is known
	gap, reset                    *source.Notice
	readAs, readReason            string
	rewind                        func(next state.Cursor) error
}

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

// Retained is how many events the cluster held at the beginning, 0 or less
// before that is known. It may be called while the job runs.
func (j *Job) Retained() int64 { return j.retained.Load() }
