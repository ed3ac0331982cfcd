package run

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/state"
)

// Report is what one run did. Its JSON is a documented format.
type Report struct {
	Read        string                     `json:"read"`                 // replay, windows or file
	ReadReason  string                     `json:"readReason,omitempty"` // why so
	Requests    int64                      `json:"requests"`
	BytesRead   int64                      `json:"bytesRead"`
	EventsRead  int64                      `json:"eventsRead"`
	Dropped     int64                      `json:"dropped"` // events that no receiver wanted
	Receivers   map[string]*ReceiverReport `json:"receivers"`
	CaughtUp    bool                       `json:"caughtUp"` // everything that was there at the start is settled
	Gap         *source.Notice             `json:"gap"`
	Reset       *source.Notice             `json:"reset"`
	LeaseHeldBy *string                    `json:"leaseHeldBy"` // another run is at work; this one did nothing, or no more
	DurationMs  int64                      `json:"durationMs"`
	DryRun      bool                       `json:"dryRun,omitempty"` // nothing was sent or written
	Error       string                     `json:"error,omitempty"`
	Shard       string                     `json:"shard,omitempty"` // i/n, of a run that delivers a part of the cluster
	// Clusters are the Reports of a run of several clusters, by name. All else is
	// their sum then, a gap or a reset that of the first that has one.
	Clusters map[string]Report `json:"clusters,omitempty"`
}

// ReceiverReport is one receiver's part of a Report.
type ReceiverReport struct {
	Delivered       int64  `json:"delivered"`            // records that the receiver has acknowledged: events, or digests
	Grouped         int64  `json:"grouped,omitempty"`    // events that these digests stand for
	Suppressed      int64  `json:"suppressed,omitempty"` // events held back because their group was told a moment ago
	Refused         int64  `json:"refused"`              // can never be accepted by this receiver
	DeadLettered    int64  `json:"deadLettered"`         // of these, stored as dead letters
	Lost            int64  `json:"lost"`                 // of these, only logged: no dead letter store is configured
	Owed            int64  `json:"owed"`                 // routed to it in this run and not settled
	Attempts        int64  `json:"attempts"`
	ResourceVersion string `json:"resourceVersion"` // its committed cursor
	Error           string `json:"error,omitempty"`
}

func (j *Job) report(lanes []*lane, began time.Time) Report {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := Report{
		Read: cmp.Or(j.readAs, j.ReadMode), ReadReason: j.readReason, EventsRead: j.eventsRead.Load(), Dropped: j.dropped.Load(), DryRun: j.DryRun, Shard: j.Shards.String(),
		Receivers: map[string]*ReceiverReport{}, CaughtUp: true, Gap: j.gap, Reset: j.reset,
		DurationMs: time.Since(began).Milliseconds(),
	}
	if j.Meter != nil {
		r.Requests, r.BytesRead = j.Meter.Requests(), j.Meter.Bytes()
	}
	for _, l := range lanes {
		s := l.Deliver.Stats()
		committed := state.Cursor{}
		if c := l.committed.Load(); c != nil {
			committed = *c
		}
		rr := &ReceiverReport{
			Delivered: s.Delivered, Refused: s.Refused, DeadLettered: s.DeadLettered, Lost: s.Lost,
			Grouped: s.Grouped, Suppressed: s.Suppressed, Owed: l.owed(s), Attempts: s.Attempts, ResourceVersion: committed.ResourceVersion,
		}
		if l.failed() != nil {
			rr.Error = l.failed().Error()
		}
		r.Receivers[l.Name] = rr
		r.CaughtUp = r.CaughtUp && l.caughtUp && l.err == nil
	}
	return r
}

// WriteText writes the Report for people.
func (r Report) WriteText(w io.Writer) error {
	for _, name := range slices.Sorted(maps.Keys(r.Clusters)) {
		if _, err := fmt.Fprintf(w, "cluster %s\n", name); err != nil {
			return err
		}
		if err := r.Clusters[name].WriteText(w); err != nil {
			return err
		}
	}
	if r.Clusters != nil {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "RECEIVER\tDELIVERED\tREFUSED\tDEAD LETTERS\tLOST\tOWED\tATTEMPTS\tCURSOR\n")
	for _, name := range slices.Sorted(maps.Keys(r.Receivers)) {
		rr := r.Receivers[name]
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n",
			name, rr.Delivered, rr.Refused, rr.DeadLettered, rr.Lost, rr.Owed, rr.Attempts, rr.ResourceVersion)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Receivers)) {
		if rr := r.Receivers[name]; rr.Grouped+rr.Suppressed > 0 {
			fmt.Fprintf(w, "%s: %d events went into digests, %d were held back\n", name, rr.Grouped, rr.Suppressed)
		}
	}
	_, err := fmt.Fprintf(w, "%s: %d events read, %d wanted by no receiver, in %s (%s, %d requests, %d bytes)\n",
		r.outcome(), r.EventsRead, r.Dropped, (time.Duration(r.DurationMs) * time.Millisecond).String(), r.Read, r.Requests, r.BytesRead)
	return err
}

func (r Report) outcome() string {
	switch {
	case r.LeaseHeldBy != nil:
		return "another run is at work, " + *r.LeaseHeldBy
	case r.DryRun:
		return "dry run, nothing was sent"
	case r.CaughtUp:
		return "caught up"
	}
	return "not caught up, the next run goes on"
}
