package nats

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// Without the right to ask whose a subject is, one that nobody has is tried again,
// and holds up nothing else.
func TestWithoutTheRightToAsk(t *testing.T) {
	s, _ := startDenied(t, "$JS.API.>")
	sink := sinktest.MustOpen(t, Kind, "servers: ['"+s.ClientURL()+"']\nsubject: '{{ .Reason }}.a'\nusername: boat\npassword: "+password)
	good, bad := event.Sample(), event.Sample()
	good.Reason, bad.Reason, bad.ResourceVersion = "events", "nobody", "2"
	for range 3 {
		var partial *sinks.PartialError
		require.ErrorAs(t, sink.Send(t.Context(), sinktest.Encode(t, sink, bad, good)), &partial)
		require.Len(t, partial.Refused, 1)
		require.False(t, sinks.IsStop(partial.Refused[0]) || sinks.IsPermanent(partial.Refused[0]), "%v", partial.Refused[0])
	}
	require.NoError(t, sink.Send(t.Context(), sinktest.Encode(t, sink, good)))
}

// What the server would cut us off for is found before: tried again it would hold
// up the receiver for ever.
func TestWhatIsTooLongIsADeadLetter(t *testing.T) {
	s, st := startStream(t, &server.Options{})
	ev := event.Sample()
	ev.Message = strings.Repeat("x", 70_000)
	subject := sinktest.MustOpen(t, Kind, "servers: ['nats://h:1']\nsubject: 'events.{{ .Message }}'")
	_, err := subject.Encode(ev)
	require.ErrorContains(t, err, "subject, as rendered for this event: 70007 bytes are more than 3072")
	longest := sinktest.MustOpen(t, Kind, "servers: ['"+s.ClientURL()+"']\nsubject: 'events."+strings.Repeat("x", maxSubject-len("events."))+"'")
	require.NoError(t, longest.Send(t.Context(), sinktest.Encode(t, longest, event.Sample())))
	headers := sinktest.MustOpen(t, Kind, "servers: ['"+s.ClientURL()+"']\nsubject: events.a\nheaders: {m: '{{ .Message }}'}")
	var partial *sinks.PartialError
	require.ErrorAs(t, headers.Send(t.Context(), sinktest.Encode(t, headers, ev)), &partial)
	assert.True(t, sinks.IsPermanent(partial.Refused[0]), "%v", partial.Refused[0])
	assert.Equal(t, 1, held(t, st))
}

func TestASealedStreamStopsTheReceiver(t *testing.T) {
	s, st := startStream(t, &server.Options{})
	config := st.CachedInfo().Config
	config.Sealed = true
	conn, err := natsgo.Connect(s.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	_, err = js.UpdateStream(t.Context(), config)
	require.NoError(t, err)
	sink := sinktest.MustOpen(t, Kind, "servers: ['"+s.ClientURL()+"']\nsubject: events.a")
	assert.True(t, sinks.IsStop(sink.Send(t.Context(), sinktest.Encode(t, sink, event.Sample()))))
}

func TestAFileThatIsMissingStopsTheReceiver(t *testing.T) {
	s := startServer(t, &server.Options{})
	for _, key := range []string{"credentialsFile", "nkeyFile"} {
		sink := sinktest.MustOpen(t, Kind, "servers: ['"+s.ClientURL()+"']\nsubject: events.a\n"+key+": /does/not/exist")
		err := sink.Send(t.Context(), sinktest.Encode(t, sink, event.Sample()))
		require.ErrorContains(t, err, "read "+key)
		assert.True(t, sinks.IsStop(err))
	}
}

// A receiver that was denied something asks again with a connection of its new rights.
func TestRightsThatComeLater(t *testing.T) {
	s, options := startDenied(t, "events.>")
	sink := sinktest.MustOpen(t, Kind, "servers: ['"+s.ClientURL()+"']\nsubject: events.a\nusername: boat\npassword: "+password)
	for range 3 {
		require.True(t, sinks.IsStop(sink.Send(t.Context(), sinktest.Encode(t, sink, event.Sample()))))
	}
	deny(t, s, options, "other.>")
	for range 3 {
		require.NoError(t, sink.Send(t.Context(), sinktest.Encode(t, sink, event.Sample())))
	}
}

// startDenied starts a server with a stream that its user may not do all with.
func startDenied(t *testing.T, subject string) (*server.Server, *server.Options) {
	t.Helper()
	options := &server.Options{JetStream: true, StoreDir: t.TempDir()}
	s := startServer(t, options)
	t.Run("stream", func(t *testing.T) { stream(t, s.ClientURL()) }) // its connection ends with it
	deny(t, s, options, subject)
	return s, options
}

// deny gives a running server a user with other rights. Nobody is connected then:
// the server's own reload races with the connections that it closes.
func deny(t *testing.T, s *server.Server, options *server.Options, subject string) {
	t.Helper()
	require.Eventually(t, func() bool { return s.NumClients() == 0 }, 20*time.Second, time.Millisecond)
	next := options.Clone()
	next.Port = s.Addr().(*net.TCPAddr).Port
	next.Users = []*server.User{{Username: "boat", Password: password, Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Deny: []string{subject}},
	}}}
	require.NoError(t, s.ReloadOptions(next))
}
