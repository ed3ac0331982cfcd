package sinktest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Survive delivers one batch to a service that fails in every way that the
// Harness says it can. Nothing may be missing, and only what was not acknowledged
// comes again, under the same key. A Partly with an After means that the refused
// records are welcome later.
func Survive(t *testing.T, h Harness) {
	t.Helper()
	d := h.Start(t)
	d.Service.Script(Answer{Outcome: Unavailable})
	if h.NoThrottle == "" {
		d.Service.Script(Answer{Outcome: Throttled})
	}
	events := Kibibyte(100)
	left := len(events)
	if h.NoPartial == "" {
		d.Service.Script(Answer{Outcome: Partly, Refused: []int{1, 3}, After: time.Second})
		left = 2
	}
	if h.NoLostReply == "" {
		d.Service.Script(Answer{Outcome: ReplyLost})
	} else {
		left = 0
	}
	stats := Deliver(t, d.Kind, d.Config, events)
	assert.EqualValues(t, len(events), stats.Delivered)
	assert.Zero(t, stats.Refused)

	keys := map[string]string{}
	for _, got := range d.Service.Deliveries() {
		if before, seen := keys[string(got.Body)]; seen {
			assert.Equal(t, before, got.Key, "the key of a repetition")
		}
		keys[string(got.Body)] = got.Key
	}
	s := open(t, Harness{Start: func(*testing.T) Destination { return d }})
	for _, ev := range events {
		require.Contains(t, keys, string(s.encode(t, ev).Body), "nothing is missing")
	}
	assert.Len(t, keys, len(events))
	assert.Len(t, d.Service.Deliveries(), len(events)+left, "only what was not acknowledged comes again")
}
