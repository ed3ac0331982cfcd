package run

import (
	"context"
	"fmt"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// begin finds every receiver's cursor. A receiver that has none gets its start,
// which is committed before anything is read: if we crash after it, the next run
// starts at the same place, and "now" does not become a later now.
func (j *Job) begin(ctx context.Context, c *committer, lanes []*lane) error {
	position, err := j.Source.Position(ctx)
	if err != nil {
		return fmt.Errorf("find the cluster's position: %w", err)
	}
	j.retained.Store(position.Retained)
	c.cluster = position.Cluster
	j.mu.Lock()
	j.cluster = position.Cluster
	j.mu.Unlock()
	known := c.current.Clusters[position.Cluster]
	marker := newestMarker(known)
	for name := range known {
		c.known = append(c.known, name)
	}
	first := false
	for _, l := range lanes {
		cursor, ok := known[l.Name]
		if !ok && l.RenamedFrom != "" {
			cursor, ok = known[l.RenamedFrom]
			first = first || ok
			if ok {
				c.settled(l.Name, cursor)
			}
		}
		if !ok {
			first = true
			cursor = startOf(l.Receiver, position.Cursor)
			j.Log.Info("first run of this receiver", "receiver", l.Name, "start", l.Start, "resourceVersion", cursor.ResourceVersion)
			c.settled(l.Name, cursor)
		}
		l.begin(cursor, position.Cursor.ReadAt)
		l.offered.Marker = marker
	}
	departed := j.departed(known, position.Cursor)
	if !first && len(departed) == 0 {
		return nil
	}
	c.departed = departed
	return c.commit(ctx, false)
}

// fromOldest is the cursor before every version.
const fromOldest = "0"

func startOf(r Receiver, now state.Cursor) state.Cursor {
	cursor := state.Cursor{ResourceVersion: fromOldest, ReadAt: now.ReadAt}
	if r.Start == sinks.Now && now.ResourceVersion != "" {
		cursor.ResourceVersion = now.ResourceVersion
	}
	return cursor
}

// departed are the cursors of receivers that left the configuration so long ago
// that nothing they are owed is retained. Before that they are kept, so that a
// bad rollout loses nothing. A run of some receivers only forgets nobody.
func (j *Job) departed(known map[string]state.Cursor, now state.Cursor) []string {
	configured := map[string]bool{}
	for _, r := range j.Receivers {
		if r.Idle {
			return nil
		}
		configured[r.Name] = true
	}
	var names []string
	for name, cursor := range known {
		if !configured[name] && !cursor.ReadAt.IsZero() && now.ReadAt.Sub(cursor.ReadAt) > j.EventTTL {
			names = append(names, name)
			j.Log.Info("forgetting a receiver that left the configuration", "receiver", name, "resourceVersion", cursor.ResourceVersion)
		}
	}
	return names
}

// newestMarker is the marker as this checkpoint's runs last left it. A receiver
// that has not moved for a while knows an older one. All of them are of one
// history, because a reset forgets them together.
func newestMarker(known map[string]state.Cursor) string {
	newest := ""
	for _, cursor := range known {
		if cursor.Marker != "" && Newer(cursor.Marker, newest) {
			newest = cursor.Marker
		}
	}
	return newest
}
