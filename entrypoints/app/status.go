package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/state"
)

// Status is the checkpoint held against the cluster.
type Status struct {
	Checkpoint string           `json:"checkpoint"`
	Revision   int64            `json:"revision"`
	Lease      *state.Lease     `json:"lease"` // null while no run is at work
	Cluster    string           `json:"cluster"`
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
	checkpoint, err := a.Load(ctx)
	if err != nil {
		return Status{}, err
	}
	s := Status{Checkpoint: a.describe(), Revision: checkpoint.Revision}
	if checkpoint.Lease.Holder != "" {
		s.Lease = &checkpoint.Lease
	}
	events, err := a.clusterSource(nil)
	if err != nil {
		return s, err
	}
	position, err := events.Position(ctx)
	if err != nil {
		return s, err
	}
	s.Cluster = position.Cluster
	owed, err := a.owed(ctx, events, checkpoint.Clusters[position.Cluster])
	if err != nil {
		return s, err
	}
	for _, uid := range slices.Sorted(maps.Keys(checkpoint.Clusters)) {
		for _, name := range slices.Sorted(maps.Keys(checkpoint.Clusters[uid])) {
			r := receiverStatus(uid, name, checkpoint.Clusters[uid][name], position.Cursor.ReadAt)
			if n, ok := owed[name]; ok && uid == position.Cluster {
				r.Owed = &n
			}
			s.Receivers = append(s.Receivers, r)
		}
	}
	for _, r := range a.Config.Receivers {
		if _, known := owed[r.Name]; !known {
			s.Receivers = append(s.Receivers, ReceiverStatus{Cluster: position.Cluster, Receiver: r.Name})
		}
	}
	return s, nil
}

func receiverStatus(uid, name string, cursor state.Cursor, now time.Time) ReceiverStatus {
	r := ReceiverStatus{Cluster: uid, Receiver: name, ResourceVersion: cursor.ResourceVersion}
	if !cursor.ReadAt.IsZero() {
		age := int64(now.Sub(cursor.ReadAt).Seconds())
		r.ReadAt, r.AgeSeconds = &cursor.ReadAt, &age
	}
	return r
}

// owed counts, in one read from the oldest cursor, what each configured receiver
// has not got yet.
func (a *App) owed(ctx context.Context, events run.Source, cursors map[string]state.Cursor) (map[string]int64, error) {
	owed := map[string]int64{}
	var from *state.Cursor
	for _, r := range a.Config.Receivers {
		cursor, known := cursors[r.Name]
		if !known {
			continue
		}
		owed[r.Name] = 0
		if from == nil || run.Newer(from.ResourceVersion, cursor.ResourceVersion) {
			from = &cursor
		}
	}
	if from == nil {
		return owed, nil
	}
	for page, err := range events.Since(ctx, *from) {
		if err != nil {
			return nil, err
		}
		for _, ev := range page.Events {
			a.countOwed(ev, cursors, owed)
		}
	}
	return owed, nil
}

func (a *App) countOwed(ev *event.Event, cursors map[string]state.Cursor, owed map[string]int64) {
	for _, i := range a.Config.Tree.Route(ev, nil) {
		name := a.Config.Receivers[i].Name
		if cursor, known := cursors[name]; known && run.Newer(ev.ResourceVersion, cursor.ResourceVersion) {
			owed[name]++
		}
	}
}
