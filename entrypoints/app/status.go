package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/state"
)

// Status is the checkpoint held against the cluster.
type Status struct {
	Checkpoint string           `json:"checkpoint"`
	Revision   int64            `json:"revision"`
	Lease      *state.Lease     `json:"lease"` // null while no run is at work
	Cluster    string           `json:"cluster"`
	Heartbeat  *Heartbeat       `json:"heartbeat"` // null if there is none, or it may not be read
	Receivers  []ReceiverStatus `json:"receivers"`
}

// ReceiverStatus is one receiver's place.
type ReceiverStatus struct {
	Cluster  string `json:"cluster"`
	Receiver string `json:"receiver"`
	// ResourceVersion is its cursor, "" for a configured receiver that has none
	// yet: its first run begins at its start.
	ResourceVersion string     `json:"resourceVersion"`
	ReadAt          *time.Time `json:"readAt"`     // when the cursor was current; null if that is not known
	AgeSeconds      *int64     `json:"ageSeconds"` // since then
	// Owed is how many retained events are routed to it and newer than its
	// cursor; null without a cursor, for a receiver that is not configured, and
	// for another cluster.
	Owed *int64 `json:"owed"`
}

// Status reads the checkpoint and the cluster; it writes nothing and takes no
// lease.
func (a *App) Status(ctx context.Context) (Status, error) {
	r := StatusReader{app: a}
	return r.Read(ctx)
}

// A StatusReader looks again and again. What its first look has counted it
// remembers, so that each further one costs by what is new since then. After an
// error it may be asked again. It is used by one goroutine.
type StatusReader struct {
	app    *App
	events *source.Source
	tally  tally
}

// StatusReader makes one; it connects to nothing.
func (a *App) StatusReader() *StatusReader { return &StatusReader{app: a} }

// Read is the status now.
func (r *StatusReader) Read(ctx context.Context) (Status, error) {
	a := r.app
	checkpoint, err := a.Load(ctx)
	if err != nil {
		return Status{}, err
	}
	s := Status{Checkpoint: a.describe(), Revision: checkpoint.Revision}
	if checkpoint.Lease.Holder != "" {
		s.Lease = &checkpoint.Lease
	}
	if r.events == nil {
		if r.events, err = a.clusterSource(nil, metrics.Discard()); err != nil {
			return s, err
		}
	}
	position, err := r.events.Position(ctx)
	if err != nil {
		return s, err
	}
	s.Cluster = position.Cluster
	if s.Heartbeat, err = a.heartbeat(ctx, position.Cursor.ReadAt); err != nil {
		return s, err
	}
	owed, err := a.owed(ctx, r.events, checkpoint.Clusters[position.Cluster], &r.tally)
	if err != nil {
		return s, err
	}
	s.Receivers = a.receiverStatuses(checkpoint, position, owed)
	return s, nil
}

// receiverStatuses are those with a cursor, in whatever cluster, and those that
// are configured and have none.
func (a *App) receiverStatuses(checkpoint state.Checkpoint, position source.Position, owed map[string]int64) (all []ReceiverStatus) {
	for _, uid := range slices.Sorted(maps.Keys(checkpoint.Clusters)) {
		for _, name := range slices.Sorted(maps.Keys(checkpoint.Clusters[uid])) {
			r := receiverStatus(uid, name, checkpoint.Clusters[uid][name], position.Cursor.ReadAt)
			if n, ok := owed[name]; ok && uid == position.Cluster {
				r.Owed = &n
			}
			all = append(all, r)
		}
	}
	for _, r := range a.Config.Receivers {
		if _, known := owed[r.Name]; !known {
			all = append(all, ReceiverStatus{Cluster: position.Cluster, Receiver: r.Name})
		}
	}
	return all
}

func receiverStatus(uid, name string, cursor state.Cursor, now time.Time) ReceiverStatus {
	r := ReceiverStatus{Cluster: uid, Receiver: name, ResourceVersion: cursor.ResourceVersion}
	if !cursor.ReadAt.IsZero() {
		age := int64(now.Sub(cursor.ReadAt).Seconds())
		r.ReadAt, r.AgeSeconds = &cursor.ReadAt, &age
	}
	return r
}
