package sinktest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

func limitsNeverChange(t *testing.T, s *subject) {
	before := s.sink.Limits()
	require.NoError(t, s.sink.Send(t.Context(), s.batch(t, 1, "limits")))
	assert.Equal(t, before, s.sink.Limits())
	for _, n := range []int{before.Records, before.Bytes, before.RecordBytes, before.Concurrency} {
		assert.GreaterOrEqual(t, n, 0)
	}
}

func recordLimitIsHonest(t *testing.T, s *subject) {
	n := s.sink.Limits().Records
	require.Positive(t, n, "a limit, or the reason why there is none")
	batch := s.batch(t, n+1, "records")
	require.NoError(t, s.sink.Send(t.Context(), batch[:n]), "a batch at the limit")
	s.requireRefused(t, batch, "one record more")
}

func byteLimitIsHonest(t *testing.T, s *subject) {
	limit := s.sink.Limits()
	require.Positive(t, limit.Bytes, "a limit, or the reason why there is none")
	n := 2
	if limit.RecordBytes > 0 {
		n = max(n, (limit.Bytes+limit.RecordBytes-1)/limit.RecordBytes)
	}
	if limit.Records > 0 {
		require.LessOrEqual(t, n, limit.Records, "the bytes of a batch can be reached")
	}
	build := func(bytes int) []sinks.Record {
		batch := make([]sinks.Record, n)
		for i := range batch {
			size := bytes / n
			if i == 0 {
				size += bytes % n
			}
			batch[i] = s.encode(t, s.eventOfSize(t, size))
		}
		return batch
	}
	require.NoError(t, s.sink.Send(t.Context(), build(limit.Bytes)), "a batch at the limit")
	s.requireRefused(t, build(limit.Bytes+1), "one byte more")
}

func recordByteLimitIsHonest(t *testing.T, s *subject) {
	n := s.sink.Limits().RecordBytes
	require.Positive(t, n, "a limit, or the reason why there is none")
	full := s.encode(t, s.eventOfSize(t, n))
	require.NoError(t, s.sink.Send(t.Context(), []sinks.Record{full}), "a record at the limit")
	ev := s.eventOfSize(t, n+1)
	s.requireRefused(t, []sinks.Record{s.encode(t, ev)}, "one byte more")
}

// requireRefused wants a refusal that lets the caller cut the batch, and
// nothing of it taken.
func (s *subject) requireRefused(t *testing.T, batch []sinks.Record, what string) {
	t.Helper()
	before := len(s.Deliveries())
	err := s.sink.Send(t.Context(), batch)
	require.Error(t, err, what)
	require.True(t, sinks.IsPermanent(err), "%s: permanent, so that the batch is cut: %v", what, err)
	require.Len(t, s.Deliveries(), before, "%s: nothing taken", what)
}

func (s *subject) eventOfSize(t *testing.T, bytes int) *event.Event {
	t.Helper()
	if s.EventOfSize != nil {
		return s.EventOfSize(t, s.sink, bytes)
	}
	ev := numbered(0, "")
	ev.Message = ""
	empty := len(s.encode(t, ev).Body)
	ev.Message = "x"
	with := len(s.encode(t, ev).Body)
	// An empty message may leave out its key as well.
	require.Greater(t, bytes, with, "a body of %d bytes; without a message it has %d", bytes, empty)
	ev.Message = strings.Repeat("x", 1+bytes-with)
	require.Len(t, s.encode(t, ev).Body, bytes, "give the Harness an EventOfSize")
	return ev
}
