package run

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// TestSickReceivers: one never answers, one answers 500 for two minutes, one
// takes one event a second, one is healthy. The healthy one is done at once, the
// others get everything in the end or keep their cursor, and what all of them
// hold together does not grow with what they are owed.
func TestSickReceivers(t *testing.T) {
	const events, size, page = 3000, 10_000, 100
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0)
		began := time.Now()
		var healthy, slow, down, silent atomic.Int64
		job := w.job("healthy", "slow", "down", "silent")
		job.Source = generator{w, events, size, page}
		answers := []func(context.Context) error{
			func(context.Context) error { return nil },
			func(context.Context) error { time.Sleep(time.Second); return nil },
			func(context.Context) error {
				if time.Since(began) < 2*time.Minute {
					return errors.New("500")
				}
				return nil
			},
			func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		}
		for i, count := range []*atomic.Int64{&healthy, &slow, &down, &silent} {
			records := 50
			if i == 1 {
				records = 1
			}
			job.Receivers[i].Deliver = deliver.New(deliver.Options{
				Name: job.Receivers[i].Name, Sink: &sick{answers[i], count}, Batch: deliver.Batch{Records: records},
				Timeout: 30 * time.Second, Retry: deliver.Retry{Budget: 3 * time.Minute, Initial: time.Second, Max: 10 * time.Second},
			})
		}
		var report Report
		done := make(chan error)
		go func() {
			var err error
			report, err = job.Once(w.phases())
			done <- err
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, int64(events), healthy.Load(), "the healthy one is done while the others are not")
		assert.Less(t, slow.Load(), int64(100))
		assert.Zero(t, down.Load())
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		// Three lanes hold two waiting pages and one in hand each; the events are 30 MB.
		assert.Less(t, m.HeapAlloc, uint64(4*(inboxBytes/fullPage+3)*page*size), "live heap")

		err := <-done
		require.Error(t, err, "one receiver never answered")
		require.ErrorContains(t, err, "receiver silent")
		assert.Equal(t, int64(events), slow.Load())
		assert.Equal(t, int64(events), down.Load())
		assert.Zero(t, silent.Load())
		assert.Equal(t, strconv.Itoa(events), w.stored("slow"))
		assert.Equal(t, strconv.Itoa(events), w.stored("down"))
		assert.Equal(t, "0", w.stored("silent"))
		assert.Positive(t, report.Receivers["silent"].Owed)
		assert.False(t, report.CaughtUp)
	})
}

// sick is a service with an answer of its own.
type sick struct {
	answer   func(ctx context.Context) error
	accepted *atomic.Int64
}

func (s *sick) Limits() sinks.Limits { return sinks.Limits{} }
func (s *sick) Encode(ev *event.Event) (sinks.Record, error) {
	return sinks.Record{ID: ev.ID(), Event: ev, Body: []byte(ev.Message)}, nil
}

func (s *sick) Send(ctx context.Context, batch []sinks.Record) error {
	if err := s.answer(ctx); err != nil {
		return err
	}
	s.accepted.Add(int64(len(batch)))
	return nil
}
func (s *sick) Close(context.Context) error { return nil }

// generator makes its events while they are read, as a cluster's answer would
// bring them, so that what is live is what the run holds.
type generator struct {
	*world
	events, size, page int
}

func (g generator) Position(context.Context) (source.Position, error) {
	return source.Position{Cluster: g.cluster, Cursor: g.cursor(g.events)}, nil
}

func (g generator) Since(ctx context.Context, from state.Cursor) iter.Seq2[source.Page, error] {
	return func(yield func(source.Page, error) bool) {
		at, _ := strconv.Atoi(from.ResourceVersion)
		for at < g.events && ctx.Err() == nil {
			page := source.Page{}
			for range min(g.page, g.events-at) {
				at++
				page.Events = append(page.Events, &event.Event{Event: corev1.Event{
					ObjectMeta: metav1.ObjectMeta{UID: types.UID(fmt.Sprint("uid-", at)), ResourceVersion: strconv.Itoa(at)},
					Message:    strings.Repeat("x", g.size),
				}})
			}
			page.Next = g.cursor(at)
			if !yield(page, nil) {
				return
			}
		}
	}
}
