// Package sinktest is the conformance suite that every sink passes: each
// sentence of the contract in package sinks is a test here.
//
// The destination is a scripted fake of the service, reached through the sink's
// real client and the sink's real configuration format. A sink's own test is a
// Harness and a call of Run; what is special to the sink it tests beside that.
//
// What a service cannot do is a field of the Harness with the reason, and shows
// in the test's log. Nothing depends on the environment.
package sinktest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/render"
	"github.com/packetboat/packetboat/sinks"
)

// patience bounds every wait of the suite. It is a guard against hanging, never
// a measurement.
const patience = 20 * time.Second

// Harness says how to test one sink.
type Harness struct {
	// Start brings up a fresh service and says how to reach it. It registers
	// its own clean-up. Every test of the suite calls it once.
	Start func(t *testing.T) Destination

	// Golden is the folder of the expected payloads, "" is testdata.
	Golden string

	// Secrets are texts of the Config that may never show in an error, a log
	// line or a printed Config.
	Secrets []string

	// EventOfSize makes an event that encodes to a body of exactly so many
	// bytes. nil: the message is padded, which fits every payload that holds
	// the message once and unshortened.
	EventOfSize func(t *testing.T, s sinks.Sink, bytes int) *event.Event

	// Each of these is "" or the reason why the service has no such thing.
	NoRefusal          string // it never says that a record is bad
	NoDenial           string // it has no credentials, name or address that could be wrong
	NoThrottle         string // it never says when to come back
	NoPartial          string // it takes or refuses a batch as a whole
	NoLostReply        string // it cannot take a batch and fail to say so
	NoCancel           string // an attempt cannot be interrupted
	NoDeduplicationKey string // the ID is not handed to it beside the body
	NoSecrets          string // the Config holds none
	NoRecordLimit      string // more records than Limits.Records are not refused
	NoByteLimit        string // more bytes than Limits.Bytes are not refused
	NoRecordByteLimit  string // a body above Limits.RecordBytes is not refused
}

// Destination is one running fake and the way to it.
type Destination struct {
	Kind    sinks.Kind
	Config  string // YAML, as below the receiver's own key
	Service Service
}

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, p := range properties {
		t.Run(p.name, func(t *testing.T) {
			if p.lacks != nil {
				if reason := p.lacks(h); reason != "" {
					t.Logf("does not apply: %s", reason)
					return
				}
			}
			p.check(t, open(t, h))
		})
	}
	t.Run("golden payloads", func(t *testing.T) { goldenPayloads(t, open(t, h)) })
}

// subject is one opened sink with its service.
type subject struct {
	Harness
	Service
	sink   sinks.Sink
	config any
	log    *lockedBuffer
}

func open(t *testing.T, h Harness) *subject {
	t.Helper()
	d := h.Start(t)
	config := d.Kind.NewConfig()
	decoder := yaml.NewDecoder(bytes.NewBufferString(d.Config))
	decoder.KnownFields(true)
	if d.Config != "" {
		require.NoError(t, decoder.Decode(config), "decode the Config")
	}
	log := &lockedBuffer{}
	sink, err := d.Kind.Open(t.Context(), config, Env(log))
	require.NoError(t, err, "open")
	t.Cleanup(func() { _ = sink.Close(context.Background()) })
	return &subject{Harness: h, Service: d.Service, sink: sink, config: config, log: log}
}

// Env is what a sink is opened with in a test: a real compiler, a fixed clock,
// and a log that goes to w.
func Env(w interface{ Write(p []byte) (int, error) }) sinks.Env {
	return sinks.Env{
		Receiver: "conformance",
		Compiler: render.NewCompiler(),
		Log:      slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:      func() time.Time { return Now },
		Version:  "0.0.0-test",
		Metrics:  prometheus.NewRegistry(),
	}
}

// Now is the time on the clock of Env.
var Now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// batch encodes n events whose Key is the same, numbered so that their bodies
// and IDs differ.
func (s *subject) batch(t *testing.T, n int, mark string) []sinks.Record {
	t.Helper()
	batch := make([]sinks.Record, 0, n)
	for i := range n {
		batch = append(batch, s.encode(t, numbered(i, mark)))
	}
	return batch
}

func (s *subject) encode(t *testing.T, ev *event.Event) sinks.Record {
	t.Helper()
	record, err := s.sink.Encode(ev)
	require.NoError(t, err, "encode")
	require.Equal(t, ev.ID(), record.ID)
	require.Same(t, ev, record.Event)
	return record
}

// some is how many records a small batch of this sink has.
func (s *subject) some() int {
	if limit := s.sink.Limits().Records; limit > 0 {
		return min(limit, 5)
	}
	return 5
}

func numbered(i int, mark string) *event.Event {
	ev := event.Sample()
	ev.UID = "00000000-0000-4000-8000-000000000002"
	ev.ResourceVersion = fmt.Sprint(1000 + i)
	ev.Message = fmt.Sprintf("%s %d: Grüße 世界 🚢", mark, i)
	return ev
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
