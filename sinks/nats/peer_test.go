package nats

import (
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// Every event, in order, read back by a consumer; 10,000 of them from the process.
func TestWhatArrives(t *testing.T) {
	t.Log("peer: nats-server in process")
	s, _ := startStream(t, &server.Options{})
	requireArrives(t, s.ClientURL(), 1000)
	if process := peers.StartNATS(t); process != nil {
		requireArrives(t, "nats://"+process.Addr, 10_000)
	}
}

func requireArrives(t *testing.T, url string, n int) {
	t.Helper()
	st := stream(t, url)
	events := sinktest.Kibibyte(n)
	stats := sinktest.Deliver(t, Kind, "servers: ['"+url+"']\nsubject: 'events.{{ .Namespace }}'\nstream: EVENTS\nheaders: {reason: '{{ .Reason }}'}", events)
	require.EqualValues(t, len(events), stats.Delivered)
	requireHeld(t, st, events)
}

// requireHeld reads the stream from its beginning with a consumer.
func requireHeld(t *testing.T, st jetstream.Stream, events []*event.Event) {
	t.Helper()
	require.Equal(t, len(events), held(t, st))
	consumer, err := st.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	messages, err := consumer.Messages()
	require.NoError(t, err)
	defer messages.Stop()
	for _, ev := range events {
		m, err := messages.Next()
		require.NoError(t, err)
		require.Equal(t, ev.ID(), m.Headers().Get(jetstream.MsgIDHeader))
		require.Equal(t, ev.Reason, m.Headers().Get("reason"))
		require.Equal(t, string(ev.ToJSON()), string(m.Data()))
		require.Equal(t, "events.shop", m.Subject())
	}
}

// A server that crashes in mid-run and comes back has every event once: it knows
// the IDs of what it has on the disk.
func TestACrashOfTheServer(t *testing.T) {
	process := peers.StartNATS(t)
	if process == nil {
		return // TestARestartedServerIsAskedLater has the server in process
	}
	url := "nats://" + process.Addr
	stream(t, url)
	events := sinktest.Kibibyte(5000)
	stats := sinktest.Deliver(t, sinktest.InMidRun(Kind, process.Kill, process.Start),
		"servers: ['"+url+"']\nsubject: 'events.{{ .Namespace }}'\nheaders: {reason: '{{ .Reason }}'}", events)
	require.EqualValues(t, len(events), stats.Delivered)
	require.Greater(t, stats.Attempts, stats.Batches, "it was away")
	requireHeld(t, stream(t, url), events)
}

func TestACutConnectionLosesAndRepeatsNothing(t *testing.T) {
	s, st := startStream(t, &server.Options{})
	cutter := sinktest.NewCutter(t, s.Addr().String())
	config := "servers: ['nats://" + cutter.Addr + "']\nsubject: events.a"
	warm := sinktest.MustOpen(t, Kind, config)
	require.NoError(t, warm.Send(t.Context(), sinktest.Encode(t, warm, event.Sample())))
	events := sinktest.Kibibyte(500)
	cutter.Request(200_000)
	require.Error(t, warm.Send(t.Context(), sinktest.Encode(t, warm, events...)))
	cutter.NextAnswer()
	require.Error(t, warm.Send(t.Context(), sinktest.Encode(t, warm, events...)))
	require.NoError(t, warm.Send(t.Context(), sinktest.Encode(t, warm, events...)))
	assert.Equal(t, len(events)+1, held(t, st), "Nats-Msg-Id drops what came before")
}

func TestARestartedServerIsAskedLater(t *testing.T) {
	options := &server.Options{}
	s, st := startStream(t, options)
	sink := sinktest.MustOpen(t, Kind, "servers: ['"+s.ClientURL()+"']\nsubject: events.a")
	require.NoError(t, sink.Send(t.Context(), sinktest.Encode(t, sink, event.Sample())))
	port := s.Addr().(*net.TCPAddr).Port
	s.Shutdown()
	s.WaitForShutdown()
	err := sink.Send(t.Context(), sinktest.Encode(t, sink, event.Sample()))
	require.Error(t, err)
	require.False(t, sinks.IsStop(err) || sinks.IsPermanent(err), "%v", err)
	options.Port = port
	startServer(t, options)
	require.NoError(t, sink.Send(t.Context(), sinktest.Encode(t, sink, sinktest.Kibibyte(3)...)))
	assert.Eventually(t, func() bool { info, err := st.Info(t.Context()); return err == nil && info.State.Msgs == 4 }, 20*time.Second, 10*time.Millisecond)
}
