package sinktest

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// Open opens a sink by the YAML below its key. It is closed with the test.
func Open(t *testing.T, kind sinks.Kind, config string) (sinks.Sink, error) {
	t.Helper()
	c := kind.NewConfig()
	require.NoError(t, yaml.Unmarshal([]byte(config), c))
	s, err := kind.Open(t.Context(), c, Env(io.Discard))
	if err == nil {
		t.Cleanup(func() { _ = s.Close(context.Background()) })
	}
	return s, err
}

// MustOpen is Open of a configuration that is right.
func MustOpen(t *testing.T, kind sinks.Kind, config string) sinks.Sink {
	t.Helper()
	s, err := Open(t, kind, config)
	require.NoError(t, err)
	return s
}

// Encoder is that part of a Sink that is a part of several.
type Encoder interface {
	Encode(ev *event.Event) (sinks.Record, error)
}

// Encode makes the records of events that all can be encoded.
func Encode(t *testing.T, s Encoder, events ...*event.Event) []sinks.Record {
	t.Helper()
	var batch []sinks.Record
	for _, ev := range events {
		r, err := s.Encode(ev)
		require.NoError(t, err)
		batch = append(batch, r)
	}
	return batch
}

// Send makes one attempt for these events.
func Send(t *testing.T, s sinks.Sink, events ...*event.Event) error {
	t.Helper()
	return s.Send(t.Context(), Encode(t, s, events...))
}

// EventOfSize trusts that a longer message makes a body as much longer: a Harness
// takes it where to make sure of that with bodies of megabytes takes long.
func EventOfSize(t *testing.T, s sinks.Sink, bytes int) *event.Event {
	t.Helper()
	ev := event.Sample()
	ev.Message = "x"
	ev.Message = strings.Repeat("x", 1+bytes-len(Encode(t, s, ev)[0].Body))
	return ev
}
