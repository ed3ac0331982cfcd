package run

import (
	"maps"
	"slices"
	"time"
)

// Together is the Report of a run of several clusters.
func Together(clusters map[string]Report, took time.Duration, err error) Report {
	sum := Report{Receivers: map[string]*ReceiverReport{}, CaughtUp: true, Clusters: clusters, DurationMs: took.Milliseconds()}
	held := 0
	for _, name := range slices.Sorted(maps.Keys(clusters)) {
		r := clusters[name]
		sum.Requests += r.Requests
		sum.BytesRead += r.BytesRead
		sum.EventsRead += r.EventsRead
		sum.Dropped += r.Dropped
		sum.CaughtUp = sum.CaughtUp && r.CaughtUp
		sum.DryRun, sum.Shard = r.DryRun, r.Shard
		if sum.Gap == nil {
			sum.Gap = r.Gap
		}
		if sum.Reset == nil {
			sum.Reset = r.Reset
		}
		if r.LeaseHeldBy != nil {
			held++
			sum.LeaseHeldBy = r.LeaseHeldBy
		}
		for receiver, part := range r.Receivers {
			if sum.Receivers[receiver] == nil {
				sum.Receivers[receiver] = &ReceiverReport{}
			}
			sum.Receivers[receiver].add(part)
		}
	}
	if held < len(clusters) {
		sum.LeaseHeldBy = nil // some of them did their work
	}
	if err != nil {
		sum.Error = err.Error()
	}
	return sum
}

// add sums up; the cursors of several clusters have no sum.
func (r *ReceiverReport) add(part *ReceiverReport) {
	r.Delivered += part.Delivered
	r.Grouped += part.Grouped
	r.Suppressed += part.Suppressed
	r.Refused += part.Refused
	r.DeadLettered += part.DeadLettered
	r.Lost += part.Lost
	r.Owed += part.Owed
	r.Attempts += part.Attempts
	if r.Error == "" {
		r.Error = part.Error
	}
}
