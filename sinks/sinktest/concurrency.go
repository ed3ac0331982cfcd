package sinktest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks"
)

func cancelReturnsSoon(t *testing.T, s *subject) {
	s.Script(Answer{Outcome: Silent})
	ctx, cancel := context.WithCancel(t.Context())
	batch := s.batch(t, s.some(), "cancelled")
	done := s.sendLater(ctx, batch)
	s.waitForAttempts(t, 1)
	cancel()
	// The service is still silent: only the cancellation can end this Send.
	requireTransient(t, within(t, "Send after its context ended", done))
	scribble(batch)
}

func cancelledBefore(t *testing.T, s *subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	requireTransient(t, s.sink.Send(ctx, s.batch(t, 1, "too late")))
	require.NoError(t, s.sink.Send(t.Context(), s.batch(t, 1, "in time")), "the sink is still good")
}

// doesNotKeepTheBatch overwrites what it sent. What a sink still read would
// arrive scribbled, or be seen by the race detector.
func doesNotKeepTheBatch(t *testing.T, s *subject) {
	var want []string
	for i := range 3 {
		batch := s.batch(t, s.some(), fmt.Sprintf("kept %d", i))
		want = append(want, bodies(batch)...)
		require.NoError(t, s.sink.Send(t.Context(), batch))
		scribble(batch)
	}
	require.NoError(t, s.sink.Close(t.Context()))
	assert.Equal(t, want, s.bodies())
}

func scribble(batch []sinks.Record) {
	for i := range batch {
		for j := range batch[i].Body {
			batch[i].Body[j] = '#'
		}
		batch[i] = sinks.Record{ID: "scribbled"}
	}
}

func concurrentSend(t *testing.T, s *subject) {
	const senders, batches = 8, 5
	var want []string
	var all [senders][batches][]sinks.Record
	for i := range senders {
		for j := range batches {
			all[i][j] = s.batch(t, s.some(), fmt.Sprintf("sender %d batch %d", i, j))
			want = append(want, bodies(all[i][j])...)
		}
	}
	var wg sync.WaitGroup
	errs := make(chan error, senders*batches)
	for i := range senders {
		wg.Go(func() {
			for _, batch := range all[i] {
				_ = s.sink.Limits()
				if _, err := s.sink.Encode(batch[0].Event); err != nil {
					errs <- err
				}
				errs <- s.sink.Send(t.Context(), batch)
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	got := s.bodies()
	slices.Sort(want)
	slices.Sort(got)
	assert.Equal(t, want, got, "every record once and whole")
}

func (s *subject) waitForAttempts(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Attempts() >= n }, patience, time.Millisecond, "attempt %d", n)
}
