package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// Shards is the part of a split cluster that a Job delivers. Every part has a
// checkpoint of its own, beside the one of the whole cluster, which knows how the
// cluster is split now and from where the parts of that split began.
type Shards struct {
	source.Shard
	// Open gives the checkpoint of a part of any split, and with Of 1 that of the
	// whole cluster. nil: the cluster is whole and always was.
	Open func(source.Shard) (state.Store, error)
}

// adopt makes the checkpoint of this Job one of the present split. After a change
// of the number of parts every new one begins at the lowest cursor of the old
// ones, because what a namespace is owed may be in any of them: nothing is lost,
// and what lies between the lowest cursor and the others is sent again.
//
// A part that is still at work for the old split only gets further than the
// cursor that was noted: that too is sent again.
func (j *Job) adopt(ctx context.Context, c *committer) error {
	if j.Shards.Open == nil {
		return nil
	}
	if j.Shards.Whole() {
		if partsOf(c.current) == 1 {
			return nil
		}
		whole := c.current.Clone()
		if err := j.split(ctx, &whole, 1); err != nil {
			return err
		}
		return c.replace(ctx, whole, false)
	}
	whole, err := j.splitWhole(ctx)
	if taken(err) {
		return errors.Join(err, c.finish(ctx)) // the lease that is not ours is that of the whole
	}
	if err != nil {
		return fmt.Errorf("shard %s: %w", j.Shards, err)
	}
	if split := c.current.Shards; split != nil && *split == *whole.Shards {
		return nil
	}
	j.Log.Info("first run of this shard since the cluster was split so", "shard", j.Shards.String())
	// If we crash here the next run of this shard comes here again.
	own := c.current.Clone()
	own.Clusters, own.Shards = whole.Clone().Clusters, whole.Shards
	return c.replace(ctx, own, false)
}

// splitPatience is how long the first runs of all parts of a new split wait for
// the one of them that notes it.
const splitPatience = 20 * time.Second

// splitWhole gives the checkpoint of the whole cluster, split as this Job wants it.
func (j *Job) splitWhole(ctx context.Context) (state.Checkpoint, error) {
	store, err := j.Shards.Open(source.Shard{Of: 1})
	if err != nil {
		return state.Checkpoint{}, err
	}
	policy := backoff.NewExponentialBackOff()
	policy.InitialInterval, policy.MaxInterval = 100*time.Millisecond, time.Second
	return backoff.Retry(ctx, func() (state.Checkpoint, error) {
		whole, _, err := store.Load(ctx)
		if err == nil && partsOf(whole) == j.Shards.Of {
			return whole, nil
		}
		if errors.Is(err, state.ErrUnreadable) {
			return whole, backoff.Permanent(err)
		}
		if err == nil || errors.Is(err, state.ErrNotFound) {
			err = Edit(ctx, store, j.Holder, j.Log, func(c *state.Checkpoint) error {
				if partsOf(*c) != j.Shards.Of {
					err := j.split(ctx, c, j.Shards.Of)
					whole = *c
					return err
				}
				whole = *c
				return nil
			})
		}
		if held := (*HeldError)(nil); errors.As(err, &held) {
			return whole, held // Edit does not ask again; here the other one may only have noted the same split
		}
		return whole, err
	}, backoff.WithBackOff(policy), backoff.WithMaxElapsedTime(splitPatience))
}

// split notes in the checkpoint of the whole cluster that it has so many parts
// from now on, which begin where the slowest of the present ones is.
func (j *Job) split(ctx context.Context, whole *state.Checkpoint, of int) error {
	next := state.Shards{Of: of, Generation: 1}
	if whole.Shards != nil {
		next.Generation = whole.Shards.Generation + 1
	}
	parts, err := j.parts(ctx, *whole)
	if err != nil {
		return err
	}
	if len(whole.Clusters) > 0 {
		j.Log.Warn("the cluster is split anew: what the slowest of the old shards has not settled is sent again by all",
			"shards", of, "before", len(parts))
	}
	whole.Shards, whole.Clusters = &next, j.lowest(parts)
	return nil
}

func partsOf(c state.Checkpoint) int {
	if c.Shards == nil {
		return 1
	}
	return c.Shards.Of
}

// parts are the cursors of all parts of the present split, by cluster and
// receiver. One that has not run yet is where the split began.
func (j *Job) parts(ctx context.Context, whole state.Checkpoint) ([]map[string]map[string]state.Cursor, error) {
	n := partsOf(whole)
	if n == 1 {
		return []map[string]map[string]state.Cursor{whole.Clusters}, nil
	}
	parts := make([]map[string]map[string]state.Cursor, n)
	for i := range parts {
		store, err := j.Shards.Open(source.Shard{Index: i, Of: n})
		if err != nil {
			return nil, err
		}
		part, _, err := store.Load(ctx)
		switch {
		case errors.Is(err, state.ErrNotFound):
			parts[i] = whole.Clusters
		case err != nil:
			return nil, fmt.Errorf("read the checkpoint of shard %d/%d: %w", i, n, err)
		case part.Shards == nil || *part.Shards != *whole.Shards: // left from an earlier split
			parts[i] = whole.Clusters
		default:
			parts[i] = part.Clusters
		}
	}
	return parts, nil
}

// lowest is, for every receiver, the cursor of the part that is least far. What
// receivers remember is not of all parts, and is left behind.
func (j *Job) lowest(parts []map[string]map[string]state.Cursor) map[string]map[string]state.Cursor {
	out := state.Checkpoint{}.Clone()
	seen := map[string]map[string]int{}
	for _, part := range parts {
		for uid, receivers := range part {
			if seen[uid] == nil {
				seen[uid] = map[string]int{}
			}
			for name, cursor := range receivers {
				seen[uid][name]++
				cursor.State = nil
				if known, ok := out.Clusters[uid][name]; !ok || Newer(known.ResourceVersion, cursor.ResourceVersion) {
					out.Set(uid, name, cursor)
				}
			}
		}
	}
	for uid, receivers := range seen {
		for name, n := range receivers {
			// A part that does not know the receiver has sent nothing to it: without a
			// cursor it begins at its start, as it would have there.
			if n < len(parts) && !j.startsNow(name) {
				delete(out.Clusters[uid], name)
			}
		}
	}
	return out.Clusters
}

func (j *Job) startsNow(receiver string) bool {
	for _, r := range j.Receivers {
		if r.Name == receiver {
			return r.Start == sinks.Now
		}
	}
	return true // it left the configuration
}
