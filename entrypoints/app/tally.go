package app

import (
	"context"
	"slices"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/state"
)

// A tally is which versions each receiver is owed, as far as was read.
type tally struct {
	at      *state.Cursor           // read up to here; nil: nothing yet
	cursors map[string]state.Cursor // of the receivers, when they were counted last
	owed    map[string][]string     // by receiver, versions in order
}

// owed counts what each configured receiver has not got yet: in one read from
// the oldest cursor, and after that from where the tally is.
func (a *App) owed(ctx context.Context, events run.Source, cursors map[string]state.Cursor, t *tally) (map[string]int64, error) {
	mine := map[string]state.Cursor{}
	for _, r := range a.Config.Receivers {
		if cursor, known := cursors[r.Name]; known {
			mine[r.Name] = cursor
		}
	}
	t.settle(mine)
	counts := map[string]int64{}
	if t.at == nil {
		return counts, nil
	}
	for page, err := range events.Since(ctx, *t.at) {
		if err != nil {
			return nil, err
		}
		if page.Notice != nil && page.Notice.Reset {
			clear(t.owed)
		}
		for _, ev := range page.Events {
			a.countOwed(ev, t)
		}
		t.at = &page.Next
	}
	for name := range mine {
		counts[name] = int64(len(t.owed[name]))
	}
	return counts, nil
}

// settle takes the cursors as they are now. What they have passed is owed no
// more. One that is new, or was put back, asks for versions that were not kept:
// everything is read again.
func (t *tally) settle(cursors map[string]state.Cursor) {
	again := t.at == nil
	for name, cursor := range cursors {
		before, known := t.cursors[name]
		again = again || !known || run.Newer(before.ResourceVersion, cursor.ResourceVersion)
	}
	t.cursors = cursors
	if again {
		*t = tally{at: oldest(cursors), cursors: cursors, owed: map[string][]string{}}
		return
	}
	for name, versions := range t.owed {
		t.owed[name] = slices.DeleteFunc(versions, func(version string) bool {
			return !run.Newer(version, cursors[name].ResourceVersion)
		})
	}
}

func oldest(cursors map[string]state.Cursor) (from *state.Cursor) {
	for _, cursor := range cursors {
		if from == nil || run.Newer(from.ResourceVersion, cursor.ResourceVersion) {
			from = &cursor
		}
	}
	return from
}

func (a *App) countOwed(ev *event.Event, t *tally) {
	for _, i := range a.Config.Tree.Route(ev, nil) {
		name := a.Config.Receivers[i].Name
		if cursor, known := t.cursors[name]; known && run.Newer(ev.ResourceVersion, cursor.ResourceVersion) {
			t.owed[name] = append(t.owed[name], ev.ResourceVersion)
		}
	}
}
