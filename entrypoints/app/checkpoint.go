package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/state"
)

// editTime is how long a change of a checkpoint by hand may take.
const editTime = 30 * time.Second

// Load reads the checkpoint as it is.
func (a *App) Load(ctx context.Context) (state.Checkpoint, error) {
	_, c, err := a.loadToEdit(ctx)
	return c, err
}

// loadToEdit looks before anything is written: the lease of an edit would make a
// checkpoint where there is none.
func (a *App) loadToEdit(ctx context.Context) (state.Store, state.Checkpoint, error) {
	store, err := a.Store(ctx)
	if err != nil {
		return nil, state.Checkpoint{}, err
	}
	c, _, err := store.Load(ctx)
	if errors.Is(err, state.ErrNotFound) {
		return store, c, fmt.Errorf("%s: %w: the first run makes it", a.describe(), err)
	}
	return store, c, explainUnreadable(err)
}

// Show is the checkpoint in its stored form.
func (a *App) Show(ctx context.Context) ([]byte, error) {
	c, err := a.Load(ctx)
	if err != nil {
		return nil, err
	}
	return state.Encode(c)
}

// IsHeld reports whether err says that another run is at work, so that nothing
// was changed.
func IsHeld(err error) bool {
	var held *run.HeldError
	return errors.As(err, &held)
}

// CopyCheckpoint carries the checkpoint to another store, so that the next run
// with that one goes on where this one stopped. Both are under the lease
// meanwhile. A target that has a checkpoint is only replaced with force.
func (a *App) CopyCheckpoint(ctx context.Context, to string, force bool) error {
	from, current, err := a.loadToEdit(ctx)
	if err = errors.Join(err, a.ofAll(current)); err != nil {
		return err
	}
	target, err := a.StoreByRef(ctx, to)
	if err != nil {
		return err
	}
	_, _, err = target.Load(ctx)
	switch {
	case err == nil && !force:
		return usage("%s already has a checkpoint: use --force to replace it", to)
	case err != nil && !errors.Is(err, state.ErrNotFound):
		return fmt.Errorf("%s: %w", to, err)
	}
	return a.edit(ctx, from, func(source *state.Checkpoint) error {
		return a.edit(ctx, target, func(c *state.Checkpoint) error {
			c.Clusters = source.Clone().Clusters
			return nil
		})
	})
}

// SetCursor moves one receiver's cursor by hand: everything at or before the
// version counts as settled for it.
func (a *App) SetCursor(ctx context.Context, clusterUID, receiver, version string) error {
	if version != "0" {
		if _, err := resourceversion.CompareResourceVersion(version, "1"); err != nil {
			return usage("--resource-version: %w", err)
		}
	}
	store, current, err := a.loadToEdit(ctx)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return err
	}
	if err := a.ofAll(current); err != nil {
		return err
	}
	if _, err := pickCluster(current, clusterUID); err != nil {
		return err
	}
	return a.edit(ctx, store, func(c *state.Checkpoint) error {
		uid, err := pickCluster(*c, clusterUID)
		if err != nil {
			return err
		}
		if _, known := c.Clusters[uid][receiver]; !known && !a.configured(receiver) {
			return usage("receiver %q is neither in the checkpoint nor in the configuration", receiver)
		}
		cursor := state.Cursor{ResourceVersion: version}
		if version != "0" {
			cursor.ReadAt = time.Now().UTC()
		}
		c.Set(uid, receiver, cursor)
		return nil
	})
}

// ResetCursors forgets the cursors of one receiver, or of all, so that the next
// run begins at their start.
func (a *App) ResetCursors(ctx context.Context, clusterUID, receiver string) error {
	store, current, err := a.loadToEdit(ctx)
	if err = errors.Join(err, a.ofAll(current)); err != nil {
		return err
	}
	return a.edit(ctx, store, func(c *state.Checkpoint) error {
		found := false
		for uid, receivers := range c.Clusters {
			if clusterUID != "" && uid != clusterUID {
				continue
			}
			for name := range receivers {
				if receiver == "" || name == receiver {
					delete(receivers, name)
					found = true
				}
			}
		}
		if !found && receiver != "" {
			return usage("the checkpoint has no cursor of receiver %q", receiver)
		}
		return nil
	})
}

// ofAll refuses to change cursors that nobody goes by: those of a cluster that is
// delivered in parts were carried over to the checkpoints of the parts.
func (a *App) ofAll(c state.Checkpoint) error {
	if a.shard.Whole() && c.Shards != nil && c.Shards.Of > 1 {
		return usage("the cluster is delivered in %d parts, each with cursors of its own: name one by --shard, 0/%[1]d for the first", c.Shards.Of)
	}
	return nil
}

func (a *App) edit(ctx context.Context, store state.Store, change func(*state.Checkpoint) error) error {
	ctx, cancel := context.WithTimeout(ctx, editTime)
	defer cancel()
	return explainUnreadable(run.Edit(ctx, store, holder(), a.Log, change))
}

func (a *App) configured(receiver string) bool {
	for _, r := range a.Config.Receivers {
		if r.Name == receiver {
			return true
		}
	}
	return false
}

// pickCluster finds the cluster that is meant when the checkpoint knows only one.
func pickCluster(c state.Checkpoint, uid string) (string, error) {
	if uid != "" {
		return uid, nil
	}
	known := slices.Sorted(maps.Keys(c.Clusters))
	switch len(known) {
	case 1:
		return known[0], nil
	case 0:
		return "", usage("the checkpoint knows no cluster yet: name one by --cluster UID (the UID of its namespace kube-system)")
	}
	return "", usage("the checkpoint knows several clusters: name one by --cluster: %q", known)
}
