package deliver

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

func TestPoisonIsFoundByHalving(t *testing.T) {
	poison := errors.New("cannot parse it")
	s := &fakeSink{answer: func(_ int, batch []string) error {
		if slices.Contains(batch, "6") || slices.Contains(batch, "11") {
			return sinks.Permanent(poison)
		}
		return nil
	}}
	dead := &letters{}
	out := deliverAll(t, Options{Sink: s, Batch: Batch{Records: 16}, DeadLetters: dead}, parcel(1, 16))
	require.NoError(t, out.err)
	assert.Equal(t, "16", out.cursor())
	assert.Equal(t, int64(14), out.stats.Delivered)
	assert.Equal(t, int64(2), out.stats.DeadLettered)
	require.Contains(t, dead.kept, "x/6.6")
	letter := dead.kept["x/6.6"]
	assert.Equal(t, "cannot parse it", letter.Reason)
	assert.Equal(t, "message 6", string(letter.Body))
	assert.Contains(t, string(letter.Event), `"name":"e6"`)
	assert.Equal(t, 1, letter.Attempts)
}

func TestPartialFailureResendsOnlyTheRefused_DP12(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSink{answer: func(attempt int, _ []string) error {
			if attempt == 1 {
				return &sinks.PartialError{Refused: map[int]error{
					1: errDown, 2: sinks.Permanent(errors.New("bad")), 4: sinks.RetryAfter(errDown, 9*time.Second),
				}}
			}
			return nil
		}}
		dead := &letters{}
		began := time.Now()
		out := deliverAll(t, Options{Sink: s, DeadLetters: dead, Retry: fast()}, parcel(1, 6))
		require.NoError(t, out.err)
		assert.Equal(t, [][]string{ids(1, 6), {"2", "5"}}, s.attempts)
		assert.GreaterOrEqual(t, time.Since(began), 9*time.Second)
		assert.Contains(t, dead.kept, "x/3.3")
		assert.Equal(t, "6", out.cursor())
	})
}

func TestPartialFailureWithoutNamesResendsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSink{answer: func(attempt int, _ []string) error {
			if attempt == 1 {
				return &sinks.PartialError{Unknown: 2}
			}
			return nil
		}}
		out := deliverAll(t, Options{Sink: s, Retry: fast()}, parcel(1, 6))
		require.NoError(t, out.err)
		assert.Equal(t, [][]string{ids(1, 6), ids(1, 6)}, s.attempts)
	})
}

func TestAWrongReceiverStopsAndKeepsItsCursor(t *testing.T) {
	wrong := errors.New("401 unauthorized")
	s := &fakeSink{answer: func(attempt int, _ []string) error {
		if attempt == 2 {
			return sinks.Stop(wrong)
		}
		return nil
	}}
	dead := &letters{}
	out := deliverAll(t, Options{Sink: s, Batch: Batch{Records: 1}, DeadLetters: dead}, parcel(1, 1), parcel(2, 2), parcel(3, 3))
	require.ErrorIs(t, out.err, wrong)
	assert.Equal(t, "1", out.cursor())
	assert.Len(t, s.attempts, 2)
	assert.Empty(t, dead.kept)
}

// Fifty refusals are the records' fault, one more is the receiver's: then none
// of them may be a dead letter.
func TestManyRefusalsInARowStopTheReceiver(t *testing.T) {
	refuseAll := func(int, []string) error { return sinks.Permanent(errors.New("no such field")) }
	for _, batch := range []int{1, 64} {
		t.Run(fmt.Sprintf("batches of %d", batch), func(t *testing.T) {
			dead := &letters{}
			out := deliverAll(t, Options{Sink: &fakeSink{answer: refuseAll}, Batch: Batch{Records: batch}, DeadLetters: dead}, parcel(1, 51))
			require.ErrorContains(t, out.err, "more than 50 records in a row")
			assert.Empty(t, out.cursors)
			assert.Empty(t, dead.kept)

			out = deliverAll(t, Options{Sink: &fakeSink{answer: refuseAll}, Batch: Batch{Records: batch}, DeadLetters: dead}, parcel(1, 50))
			require.NoError(t, out.err)
			assert.Equal(t, "50", out.cursor())
			assert.Len(t, dead.kept, 50)
		})
	}
	t.Run("all of a batch but one", func(t *testing.T) {
		dead := &letters{}
		out := deliverAll(t, Options{DeadLetters: dead, Sink: &fakeSink{answer: func(int, []string) error {
			refused := map[int]error{}
			for i := range 99 {
				refused[i] = sinks.Permanent(errors.New("bad"))
			}
			return &sinks.PartialError{Refused: refused}
		}}}, parcel(1, 100))
		require.NoError(t, out.err)
		assert.Len(t, dead.kept, 99)
		assert.Equal(t, "100", out.cursor())
	})
}

func TestAnEventThatCannotBeEncodedIsADeadLetter(t *testing.T) {
	dead := &letters{}
	s := &fakeSink{limits: sinks.Limits{RecordBytes: 20}, encode: func(ev *event.Event) (sinks.Record, error) {
		switch ev.UID {
		case "2":
			return sinks.Record{}, errors.New("template: no such field")
		case "3":
			return sinks.Record{ID: ev.ID(), Event: ev, Body: make([]byte, 21)}, nil
		}
		return sinks.Record{ID: ev.ID(), Event: ev}, nil
	}}
	out := deliverAll(t, Options{Sink: s, DeadLetters: dead}, parcel(1, 4))
	require.NoError(t, out.err)
	assert.Equal(t, [][]string{{"1", "4"}}, s.attempts)
	assert.Contains(t, dead.kept["x/2.2"].Reason, "no such field")
	assert.Contains(t, dead.kept["x/3.3"].Reason, "21 bytes")
	assert.Equal(t, "4", out.cursor())
}

func TestADeadLetterThatCannotBeStoredStaysOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("disk full")
		dead := &letters{fail: func() error { return full }}
		s := &fakeSink{answer: func(_ int, batch []string) error {
			if batch[0] == "2" {
				return sinks.Permanent(errors.New("bad"))
			}
			return nil
		}}
		out := deliverAll(t, Options{Sink: s, Batch: Batch{Records: 1}, DeadLetters: dead, Retry: fast()}, parcel(1, 1), parcel(2, 2), parcel(3, 3))
		require.ErrorIs(t, out.err, full)
		assert.Equal(t, "1", out.cursor())
	})
}

func TestWithoutADeadLetterStoreItCountsAsLost(t *testing.T) {
	s := &fakeSink{answer: func(int, []string) error { return sinks.Permanent(errors.New("bad")) }}
	out := deliverAll(t, Options{Sink: s}, parcel(1, 1))
	require.NoError(t, out.err)
	assert.Equal(t, Stats{Refused: 1, Lost: 1, Attempts: 1, Settled: 1}, out.stats)
	assert.Equal(t, "1", out.cursor())
}
