package sinktest

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// Kibibyte makes n events whose default JSON has 1,024 bytes each.
func Kibibyte(n int) []*event.Event {
	events := make([]*event.Event, n)
	for i := range events {
		ev := series() // the shortest of the canonical events
		ev.UID = types.UID(fmt.Sprintf("99999999-0000-4000-8000-%012d", i))
		ev.ResourceVersion = fmt.Sprint(100_000 + i)
		ev.Message = ""
		ev.Message = strings.Repeat("x", 1024-len(ev.ToJSON())-len(`"message":"",`))
		events[i] = ev
	}
	return events
}

// Deliver sends events to a receiver as a run does, through core/deliver.
func Deliver(t *testing.T, kind sinks.Kind, config string, events []*event.Event) deliver.Stats {
	t.Helper()
	c := kind.NewConfig()
	decoder := yaml.NewDecoder(bytes.NewBufferString(config))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(c), "decode the Config")
	sink, err := kind.Open(t.Context(), c, Env(io.Discard))
	require.NoError(t, err, "open")
	defer func() { assert.NoError(t, sink.Close(t.Context())) }()

	r := deliver.New(deliver.Options{
		Name: "conformance", Sink: sink,
		Retry: deliver.Retry{Initial: 2 * time.Millisecond, Max: 50 * time.Millisecond},
	})
	in := make(chan deliver.Parcel, 1)
	in <- deliver.Parcel{Events: events}
	close(in)
	require.NoError(t, r.Deliver(t.Context(), deliver.Parcel{}.Next, in, func() error { return nil }, discard))
	return r.Stats()
}

// discard takes a cursor: the suite knows no checkpoint.
func discard[T any](T) {}

// RequestsPerThousand is how many requests 1,000 events of 1 KiB take.
func RequestsPerThousand(t *testing.T, d Destination) int {
	t.Helper()
	stats := Deliver(t, d.Kind, d.Config, Kibibyte(1000))
	require.EqualValues(t, 1000, stats.Delivered)
	require.Len(t, d.Service.Deliveries(), 1000)
	t.Logf("requests per 1,000 events of 1 KiB: %d", d.Service.Attempts())
	return d.Service.Attempts()
}

// Bodies are what a service holds.
func Bodies(s Service) []string {
	var bodies []string
	for _, d := range s.Deliveries() {
		bodies = append(bodies, string(d.Body))
	}
	return bodies
}

// RequireAll wants every event's default JSON once, and nothing else.
func RequireAll(t *testing.T, events []*event.Event, bodies []string) {
	t.Helper()
	times := map[string]int{}
	for _, body := range bodies {
		times[strings.TrimSuffix(body, "\n")]++
	}
	for _, ev := range events {
		require.Equal(t, 1, times[string(ev.ToJSON())], "%s, so many times", ev.ID())
	}
	require.Len(t, bodies, len(events))
}
