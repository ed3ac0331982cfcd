package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// box keeps dead letters in memory.
type box struct {
	mu   sync.Mutex
	kept map[string]state.DeadLetter
}

func (b *box) Put(_ context.Context, d state.DeadLetter) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept[d.Key()] = d
	return nil
}

func (b *box) All(context.Context) iter.Seq2[state.DeadLetter, error] {
	b.mu.Lock()
	defer b.mu.Unlock()
	letters := slices.Collect(maps.Values(b.kept))
	return func(yield func(state.DeadLetter, error) bool) {
		for _, d := range letters {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func (b *box) Delete(_ context.Context, key string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.kept, key)
	return nil
}

func TestRedeliverRemovesOnlyWhatWasAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 30)
		letters := &box{kept: map[string]state.DeadLetter{}}
		for _, ev := range w.events {
			for _, receiver := range []string{"a", "down", "departed"} {
				require.NoError(t, letters.Put(t.Context(), state.DeadLetter{Receiver: receiver, ID: ev.ID(), Event: ev.ToJSON()}))
			}
		}
		w.poison = "e7"
		job := w.job("a", "down")
		again := &Redelivery{DeadLetters: letters, Decode: func(raw []byte) (*event.Event, error) {
			ev := &event.Event{}
			return ev, json.Unmarshal(raw, ev)
		}}
		for i, sink := range []sinks.Sink{&service{world: w, name: "a"}, stopSink{&service{world: w, name: "down"}, errors.New("404")}} {
			job.Receivers[i].Deliver = deliver.New(deliver.Options{
				Name: job.Receivers[i].Name, Sink: sink, DeadLetters: again, Batch: deliver.Batch{Records: 4},
			})
		}
		var sum Redelivered
		err := Hold(t.Context(), job.Store, job.Holder, slog.New(slog.DiscardHandler), func(ctx context.Context, mayWeSend func() error) (err error) {
			sum, err = again.Run(ctx, job.Receivers, mayWeSend)
			return err
		})
		require.ErrorContains(t, err, "404")
		assert.Equal(t, int64(29), sum.Removed)
		assert.Equal(t, int64(1), sum.Refused)
		assert.Equal(t, int64(30), sum.Skipped)
		assert.Len(t, w.got["a"], 29)
		assert.Contains(t, letters.kept, "a/uid-7.7", "refused again")
		assert.Len(t, letters.kept, 1+30+30)
		assert.Empty(t, w.checkpoint().Lease.Holder)
	})
}

func TestHoldKeepsRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		err := Hold(t.Context(), w.store(), "by hand", slog.New(slog.DiscardHandler), func(ctx context.Context, mayWeSend func() error) error {
			time.Sleep(2 * time.Minute) // renewed meanwhile
			require.NoError(t, mayWeSend())
			report, err := w.job("a").Once(w.phases())
			require.NoError(t, err)
			require.NotNil(t, report.LeaseHeldBy)
			assert.Equal(t, "by hand", *report.LeaseHeldBy)
			return fmt.Errorf("its own error")
		})
		require.EqualError(t, err, "its own error")
		report, err := w.job("a").Once(w.phases())
		require.NoError(t, err)
		assert.Nil(t, report.LeaseHeldBy)
	})
}
