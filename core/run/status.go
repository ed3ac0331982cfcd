package run

import (
	"time"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/state"
)

// State is what a receiver does at this moment.
type State string

// The states of a receiver in watch mode.
const (
	CatchingUp State = "catching up" // reads what happened before now
	Delivering State = "delivering"  // follows
	Behind     State = "behind"      // was let go, and reads from its own cursor
	Stopped    State = "stopped"     // failed, and is opened again after a while
)

// Condition is a State, and why.
type Condition struct {
	State State
	Since time.Time
	Err   error // why it stopped, or why reading failed
}

// Status is one receiver of a running Job.
type Status struct {
	Receiver string
	Condition
	Committed state.Cursor
	Owed      int64 // routed to it and not settled; what it has yet to read is not known
	Stats     deliver.Stats
}

// Status may be called while the Job runs; it is empty before.
func (j *Job) Status() []Status {
	j.mu.Lock()
	lanes := j.lanes
	j.mu.Unlock()
	all := make([]Status, 0, len(lanes))
	for _, l := range lanes {
		s := Status{Receiver: l.Name, Stats: l.Deliver.Stats(), Condition: Condition{State: CatchingUp}}
		if condition := l.condition.Load(); condition != nil {
			s.Condition = *condition
		}
		if cursor := l.committed.Load(); cursor != nil {
			s.Committed = *cursor
		}
		s.Owed = max(l.owed(s.Stats), 0) // the two are not read at one time
		all = append(all, s)
	}
	return all
}

// note says what the lane does now.
func (l *lane) note(s State, err error) {
	if now := l.condition.Load(); now == nil || now.State != s || now.Err != err { //nolint:errorlint // the same error, not one like it
		l.condition.Store(&Condition{State: s, Since: time.Now(), Err: err})
	}
}
