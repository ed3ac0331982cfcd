package sinktest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks"
)

type property struct {
	name  string
	lacks func(Harness) string // the reason why it does not apply
	check func(t *testing.T, s *subject)
}

var properties = []property{
	{"delivers a full batch", nil, deliversAFullBatch},
	{"encode is pure", nil, encodeIsPure},
	{"transient is not permanent", nil, transientIsNotPermanent},
	{"permanent is permanent", func(h Harness) string { return h.NoRefusal }, permanentIsPermanent},
	{"a wrong receiver is stopped", func(h Harness) string { return h.NoDenial }, denialStops},
	{"throttle names its delay", func(h Harness) string { return h.NoThrottle }, throttleNamesItsDelay},
	{"one attempt per Send", nil, oneAttemptPerSend},
	{"partial failure names the refused", func(h Harness) string { return h.NoPartial }, partialNamesTheRefused},
	{"lost reply is transient", func(h Harness) string { return h.NoLostReply }, lostReplyIsTransient},
	{"cancel returns soon", func(h Harness) string { return h.NoCancel }, cancelReturnsSoon},
	{"cancelled before it starts", nil, cancelledBefore},
	{"does not keep the batch", nil, doesNotKeepTheBatch},
	{"concurrent Send", nil, concurrentSend},
	{"errors hold no secret", func(h Harness) string { return h.NoSecrets }, errorsHoldNoSecret},
	{"limits never change", nil, limitsNeverChange},
	{"record limit is honest", func(h Harness) string { return h.NoRecordLimit }, recordLimitIsHonest},
	{"byte limit is honest", func(h Harness) string { return h.NoByteLimit }, byteLimitIsHonest},
	{"record byte limit is honest", func(h Harness) string { return h.NoRecordByteLimit }, recordByteLimitIsHonest},
	{"same ID twice", func(h Harness) string { return h.NoDeduplicationKey }, sameIDTwice},
	{"digests", nil, digests},
	{"alerts end", nil, ends},
	{"Close twice", nil, closeTwice},
}

func deliversAFullBatch(t *testing.T, s *subject) {
	n := s.sink.Limits().Records
	if n == 0 {
		n = 100
	}
	batch := s.batch(t, n, "full")
	require.NoError(t, s.sink.Send(t.Context(), batch))
	assert.Equal(t, bodies(batch), s.bodies(), "every body, in order")
}

func encodeIsPure(t *testing.T, s *subject) {
	for _, c := range Events() {
		first, err := s.sink.Encode(c.Event)
		require.NoError(t, err, c.Name)
		second, err := s.sink.Encode(c.Event)
		require.NoError(t, err, c.Name)
		assert.Equal(t, first, second, c.Name)
	}
	assert.Zero(t, s.Attempts(), "Encode does no I/O")
}

func transientIsNotPermanent(t *testing.T, s *subject) {
	batch := s.batch(t, s.some(), "transient")
	s.Script(Answer{Outcome: Unavailable})
	requireTransient(t, s.sink.Send(t.Context(), batch))

	require.NoError(t, s.sink.Send(t.Context(), batch), "the same batch again")
	assert.Subset(t, s.bodies(), bodies(batch))
}

func permanentIsPermanent(t *testing.T, s *subject) {
	batch := s.batch(t, 1, "bad")
	s.Script(Answer{Outcome: Malformed})
	err := s.sink.Send(t.Context(), batch)
	require.Error(t, err)
	var partial *sinks.PartialError
	if errors.As(err, &partial) {
		require.Len(t, partial.Refused, 1)
		err = partial.Refused[0]
	}
	assert.True(t, sinks.IsPermanent(err), "permanent: %v", err)
	assert.False(t, sinks.IsStop(err), "not the receiver's fault: %v", err)
	assert.Empty(t, s.Deliveries())
}

func denialStops(t *testing.T, s *subject) {
	s.Script(Answer{Outcome: Forbidden})
	err := s.sink.Send(t.Context(), s.batch(t, 1, "denied"))
	require.Error(t, err)
	assert.True(t, sinks.IsStop(err), "stop: %v", err)
	assert.False(t, sinks.IsPermanent(err), "not the record's fault: %v", err)
}

func throttleNamesItsDelay(t *testing.T, s *subject) {
	batch := s.batch(t, s.some(), "throttled")
	s.Script(Answer{Outcome: Throttled, After: throttleDelay})
	err := s.sink.Send(t.Context(), batch)
	requireTransient(t, err)
	assert.Equal(t, throttleDelay, sinks.RetryDelay(err))
	require.NoError(t, s.sink.Send(t.Context(), batch), "the same batch again")
}

func oneAttemptPerSend(t *testing.T, s *subject) {
	// A warm connection first: on one, HTTP clients repeat a request by themselves.
	require.NoError(t, s.sink.Send(t.Context(), s.batch(t, 1, "warm")))
	want := s.Attempts()
	for _, answer := range s.failures() {
		s.Script(answer)
		require.Error(t, s.sink.Send(t.Context(), s.batch(t, 1, "attempt")), answer.Outcome)
		want++
		require.Equal(t, want, s.Attempts(), "attempts after %s", answer.Outcome)
	}
}

func partialNamesTheRefused(t *testing.T, s *subject) {
	batch := s.batch(t, s.some(), "partial")
	require.Len(t, batch, 5, "a service with partial failures takes more than one record")
	s.Script(Answer{Outcome: Partly, Refused: []int{1, 3}})
	err := s.sink.Send(t.Context(), batch)
	var partial *sinks.PartialError
	require.ErrorAs(t, err, &partial)
	require.Zero(t, partial.Unknown)
	require.Len(t, partial.Refused, 2)
	for _, i := range []int{1, 3} {
		assert.True(t, sinks.IsPermanent(partial.Refused[i]), "record %d: %v", i, partial.Refused[i])
	}
	taken := []sinks.Record{batch[0], batch[2], batch[4]}
	assert.Equal(t, bodies(taken), s.bodies())
}

func lostReplyIsTransient(t *testing.T, s *subject) {
	batch := s.batch(t, s.some(), "lost reply")
	s.Script(Answer{Outcome: ReplyLost})
	requireTransient(t, s.sink.Send(t.Context(), batch))
	require.NoError(t, s.sink.Send(t.Context(), batch), "the same batch again")
	assert.Subset(t, s.bodies(), bodies(batch))
}

func sameIDTwice(t *testing.T, s *subject) {
	batch := s.batch(t, s.some(), "twice")
	other := s.batch(t, s.some(), "other")
	for i := range other {
		other[i].ID += "-other"
	}
	require.NoError(t, s.sink.Send(t.Context(), batch))
	require.NoError(t, s.sink.Send(t.Context(), batch), "a repetition is not an error")
	require.NoError(t, s.sink.Send(t.Context(), other))
	keys := map[string]string{}
	for _, d := range s.Deliveries() {
		require.NotEmpty(t, d.Key, "the ID, or a key made from it, is handed to the service")
		if before, seen := keys[string(d.Body)]; seen {
			assert.Equal(t, before, d.Key, "the key of a repetition")
		}
		keys[string(d.Body)] = d.Key
	}
	require.Len(t, keys, len(batch)+len(other))
	assert.NotEqual(t, keys[string(batch[0].Body)], keys[string(other[0].Body)], "another ID, another key")
}

func closeTwice(t *testing.T, s *subject) {
	require.NoError(t, s.sink.Send(t.Context(), s.batch(t, 1, "close")))
	require.NoError(t, s.sink.Close(t.Context()))
	require.NoError(t, s.sink.Close(t.Context()))

	unused := open(t, s.Harness)
	require.NoError(t, unused.sink.Close(t.Context()), "closed without a Send")
	assert.Zero(t, unused.Attempts(), "neither Open nor Close sends")
}

// failures are the answers that this service can give with an error.
func (s *subject) failures() []Answer {
	failures := []Answer{{Outcome: Unavailable}}
	for _, f := range []struct {
		lacks  string
		answer Answer
	}{
		{s.NoThrottle, Answer{Outcome: Throttled, After: throttleDelay}},
		{s.NoRefusal, Answer{Outcome: Malformed}},
		{s.NoDenial, Answer{Outcome: Forbidden}},
		{s.NoPartial, Answer{Outcome: Partly, Refused: []int{0}}},
		{s.NoLostReply, Answer{Outcome: ReplyLost}},
	} {
		if f.lacks == "" {
			failures = append(failures, f.answer)
		}
	}
	return failures
}

func requireTransient(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	var partial *sinks.PartialError
	require.NotErrorAs(t, err, &partial, "all of the batch")
	require.False(t, sinks.IsPermanent(err), "not permanent: %v", err)
	require.False(t, sinks.IsStop(err), "not stopped: %v", err)
}

func bodies(batch []sinks.Record) []string {
	out := make([]string, len(batch))
	for i, r := range batch {
		out[i] = string(r.Body)
	}
	return out
}

func (s *subject) bodies() []string {
	var out []string
	for _, d := range s.Deliveries() {
		out = append(out, string(d.Body))
	}
	return out
}

// within waits for a result; the clock only guards against hanging.
func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		require.FailNow(t, "still waiting: "+what)
		panic("unreachable")
	}
}

func (s *subject) sendLater(ctx context.Context, batch []sinks.Record) <-chan error {
	done := make(chan error, 1)
	go func() { done <- s.sink.Send(ctx, batch) }()
	return done
}
