package sinktest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks"
)

// Splits delivers to a service that takes requests of at most so many bytes,
// which is less than the sink counts on. All that fits arrives, in smaller
// requests, and only what is too large by itself can never be accepted.
func Splits(t *testing.T, d Destination, bytes int) {
	t.Helper()
	service, ok := d.Service.(*HTTPService)
	require.True(t, ok)
	service.Limit(sinks.Limits{Bytes: bytes})
	events := Kibibyte(13)
	for i, ev := range events {
		ev.Message = strings.Repeat("x", bytes*(1+i%3)/5)
	}
	events[4].Message = strings.Repeat("x", bytes)
	stats := Deliver(t, d.Kind, d.Config, events)
	assert.EqualValues(t, 1, stats.Refused)
	arrived := strings.Join(Bodies(d.Service), "")
	for _, ev := range slices.Delete(events, 4, 5) {
		require.Equal(t, 1, strings.Count(arrived, `"`+string(ev.UID)+`"`), ev.ID())
	}
}

// StaysInOrder delivers events of two namespaces, each of them one group, to a
// service that refuses some of a request for now and takes those after them.
func StaysInOrder(t *testing.T, h Harness) {
	t.Helper()
	d := h.Start(t)
	for _, refused := range [][]int{{0}, nil, {1}} {
		d.Service.Script(Answer{Outcome: Partly, Refused: refused, After: time.Second}, Answer{Outcome: Accepted})
	}
	events := Kibibyte(60)
	want := map[string][]string{}
	for i, ev := range events {
		ev.Namespace = []string{"odd", "even"}[i%2]
		if i%5 == 0 {
			ev.Namespace = "odd"
		}
		want[ev.Namespace] = append(want[ev.Namespace], string(ev.ToJSON()))
	}
	stats := Deliver(t, d.Kind, d.Config, events)
	assert.EqualValues(t, len(events), stats.Delivered)
	got := map[string][]string{}
	for _, body := range Bodies(d.Service) {
		namespace := "odd"
		if strings.Contains(body, `"namespace":"even"`) {
			namespace = "even"
		}
		got[namespace] = append(got[namespace], body)
	}
	assert.Equal(t, want, got)
}
