package nats

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const password = "pa55word-f00dcafe"

func harness() sinktest.Harness {
	return sinktest.Harness{
		Secrets: []string{password},
		Start: func(t *testing.T) sinktest.Destination {
			f := startFake(t)
			return sinktest.Destination{Kind: Kind, Service: f, Config: "servers: ['nats://" + f.cutter.Addr + "']\nsubject: " + subject +
				"\nusername: boat\npassword: " + password}
		},
		NoThrottle:  "JetStream does not say when it is free again",
		NoByteLimit: "a server bounds messages, not batches",
	}
}

func TestConformance(t *testing.T) { sinktest.Run(t, harness()) }

func TestFaults(t *testing.T) {
	h := harness()
	h.NoLostReply = "the fake does not hear what was under way; see TestACutConnectionLosesAndRepeatsNothing"
	sinktest.Survive(t, h)
}

// The service acknowledges each message; they go in one flight.
func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 1, sinktest.RequestsPerThousand(t, harness().Start(t)))
}

// startStream starts a server with a stream for the subject.
func startStream(t *testing.T, options *server.Options) (*server.Server, jetstream.Stream) {
	t.Helper()
	options.JetStream, options.StoreDir = true, t.TempDir()
	s := startServer(t, options)
	return s, stream(t, s.ClientURL())
}

func stream(t *testing.T, url string) jetstream.Stream {
	t.Helper()
	conn, err := natsgo.Connect(url, natsgo.Secure(&tls.Config{InsecureSkipVerify: true})) //nolint:gosec // on loopback
	if err != nil {
		conn, err = natsgo.Connect(url)
	}
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	st, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}})
	require.NoError(t, err)
	return st
}

func held(t *testing.T, st jetstream.Stream) int {
	t.Helper()
	info, err := st.Info(t.Context())
	require.NoError(t, err)
	return int(info.State.Msgs)
}

func TestASubjectWithoutAStream(t *testing.T) {
	s, _ := startStream(t, &server.Options{})
	for config, stops := range map[string]bool{
		"subject: other.a": true, "subject: 'other.{{ .Namespace }}'": false,
		"subject: events.a\nstream: WRONG": true, "subject: 'events.{{ .Namespace }}'\nstream: WRONG": false,
	} {
		sink := sinktest.MustOpen(t, Kind, "servers: ['"+s.ClientURL()+"']\n"+config)
		err := sink.Send(t.Context(), sinktest.Encode(t, sink, event.Sample()))
		require.Error(t, err, config)
		if stops {
			assert.True(t, sinks.IsStop(err), "%s: %v", config, err)
			continue
		}
		var partial *sinks.PartialError
		require.ErrorAs(t, err, &partial, config)
		assert.True(t, sinks.IsPermanent(partial.Refused[0]) && !sinks.IsStop(partial.Refused[0]), "%s: %v", config, err)
	}
}

// The library would publish again, and wait in between.
func TestNobodyAnswersIsAskedOnce(t *testing.T) {
	s := startServer(t, &server.Options{})
	sink := sinktest.MustOpen(t, Kind, "servers: ['"+s.ClientURL()+"']\nsubject: events.a")
	err := sink.Send(t.Context(), sinktest.Encode(t, sink, event.Sample()))
	require.ErrorContains(t, err, "no answer from the stream of subject events.a")
	require.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))
	stats, err := s.Varz(nil)
	require.NoError(t, err)
	assert.Equal(t, int64(2), stats.InMsgs, "the event, and the question whose the subject is")
}

func TestWhatIsNotAllowedStopsTheReceiver(t *testing.T) {
	user := &server.User{Username: "boat", Password: password, Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Deny: []string{"events.secret"}},
	}}
	s := startServer(t, &server.Options{Users: []*server.User{user}})
	for _, more := range []string{
		"", "username: boat\npassword: wr0ng-word", "token: wr0ng-word",
		"username: boat\npassword: " + password, // it may not publish
		"username: boat\npassword: " + password + "\ntls: {enable: true}",
	} {
		sink := sinktest.MustOpen(t, Kind, "servers: ['"+s.ClientURL()+"']\nsubject: events.secret\n"+more)
		err := sink.Send(t.Context(), sinktest.Encode(t, sink, event.Sample()))
		require.Error(t, err)
		assert.True(t, sinks.IsStop(err), "%s: %v", more, err)
		assert.NotContains(t, err.Error(), "wr0ng-word")
	}
}

func TestTLS(t *testing.T) {
	certificate := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(certificate.Close)
	s, _ := startStream(t, &server.Options{TLSConfig: &tls.Config{Certificates: certificate.TLS.Certificates}, TLSTimeout: 5}) //nolint:gosec // the client asks for more
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate().Raw}), 0o600))

	for _, more := range []string{
		"servers: ['" + s.ClientURL() + "']\ntls: {enable: true, caFile: " + ca + "}",
		"servers: ['tls://" + s.Addr().String() + "']\ntls: {caFile: " + ca + "}",
	} {
		trusting := sinktest.MustOpen(t, Kind, "subject: events.a\n"+more)
		require.NoError(t, trusting.Send(t.Context(), sinktest.Encode(t, trusting, event.Sample())))
	}

	strict := sinktest.MustOpen(t, Kind, "servers: ['"+s.ClientURL()+"']\nsubject: events.a\ntls: {enable: true}")
	err := strict.Send(t.Context(), sinktest.Encode(t, strict, event.Sample()))
	require.ErrorContains(t, err, "not trusted")
	assert.True(t, sinks.IsStop(err))
}

func TestASubjectThatIsNoneIsADeadLetter(t *testing.T) {
	s := sinktest.MustOpen(t, Kind, "servers: ['nats://h:1']\nsubject: 'events.{{ .Reason }}'")
	for _, hostile := range []string{"a b", "a\r\nPUB x", "*", ">", "", "a..b", "\x7f"} {
		ev := event.Sample()
		ev.Reason = hostile
		_, err := s.Encode(ev)
		require.ErrorContains(t, err, "line 2, column 10: subject, as rendered for this event", hostile)
	}
}

func TestHostileHeader(t *testing.T) {
	server, st := startStream(t, &server.Options{})
	s := sinktest.MustOpen(t, Kind, "servers: ['"+server.ClientURL()+"']\nsubject: events.a\nheaders: {reason: '{{ .Reason }}'}")
	ev := event.Sample()
	ev.Reason = "X\r\nInjected: yes"
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, ev)))
	m, err := st.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	assert.Empty(t, m.Header.Get("Injected"))
	assert.Contains(t, m.Header.Get("reason"), "Injected: yes")
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	const good = "servers: ['nats://h:1']\nsubject: a\n"
	const url = "servers: want URLs such as nats://host:4222 or tls://host:4222"
	for config, want := range map[string]string{
		"subject: a":                              "servers: is missing",
		"servers: ['h:1']\nsubject: a":            url,
		"servers: ['http://h']\nsubject: a":       url,
		"servers: ['nats://u:p@h']\nsubject: a":   "servers: a URL holds a name or password: use username, password or token",
		"servers: ['nats://h']":                   "subject: is missing",
		"servers: ['nats://h']\nsubject: a.>":     `line 2, column 10: subject: "a.>" has an empty part or a wildcard`,
		good + "headers: {Nats-Msg-Id: a}":        `line 3, column 24: headers: "Nats-Msg-Id" is not a header name that can be set`,
		good + "maxPayload: 1":                    "maxPayload: want at least 8192, got 1",
		good + "timeout: 0s":                      "timeout: want more than 0, got 0s",
		good + "token: a\nusername: b":            "want one of username and password, token, credentialsFile and nkeyFile",
		good + "tls: {enable: true, certFile: x}": "tls: certFile is set without keyFile",
		good + "tls: {caFile: x}":                 "tls: is set, but neither tls.enable nor a server with tls://",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
}
