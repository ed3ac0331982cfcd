package redis

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const password = "pa55word-f00dcafe"

func harness(command string) sinktest.Harness {
	h := sinktest.Harness{
		Secrets: []string{password},
		Start: func(t *testing.T) sinktest.Destination {
			f := startFake(t)
			f.RequireUserAuth("boat", password)
			return sinktest.Destination{Kind: Kind, Service: f, Config: "addresses: ['" + f.cutter.Addr + "']\nkey: events\n" +
				"username: boat\npassword: " + password + "\ncommand: " + command}
		},
		NoRefusal:         "Redis takes any bytes",
		NoThrottle:        "Redis does not say when it is free again",
		NoPartial:         "a batch is one transaction",
		NoRecordLimit:     "Redis counts no records",
		NoByteLimit:       "a transaction may have any size",
		NoRecordByteLimit: "Redis takes 512 MB, more than an event can have",
	}
	if command != xadd {
		h.NoDeduplicationKey = "an entry of a list or a channel has no field for it"
	}
	return h
}

func TestConformance(t *testing.T) {
	for _, command := range []string{xadd, rpush, lpush, publish} {
		t.Run(command, func(t *testing.T) { sinktest.Run(t, harness(command)) })
	}
}

func TestFaults(t *testing.T) { sinktest.Survive(t, harness(xadd)) }

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 1, sinktest.RequestsPerThousand(t, harness(xadd).Start(t)))
}

// A connection that breaks in mid-batch leaves none of it behind.
func TestABatchIsTakenWholeOrNot(t *testing.T) {
	f := startFake(t)
	s := sinktest.MustOpen(t, Kind, "addresses: ['"+f.cutter.Addr+"']\nkey: events")
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))) // connected
	f.cutter.Request(60_000)
	batch := sinktest.Encode(t, s, sinktest.Kibibyte(100)...)
	require.Error(t, s.Send(t.Context(), batch))
	entries, err := f.Stream("events")
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.NoError(t, s.Send(t.Context(), batch))
	entries, err = f.Stream("events")
	require.NoError(t, err)
	assert.Len(t, entries, 101)
}

func TestWrongTypeIsTheFaultOfWhoChoseTheKey(t *testing.T) {
	for key, stops := range map[string]bool{"events": true, "'{{ \"events\" }}'": false} {
		f := startFake(t)
		require.NoError(t, f.Set("events", "a text"))
		s := sinktest.MustOpen(t, Kind, "addresses: ['"+f.Addr()+"']\nkey: "+key)
		err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
		require.ErrorContains(t, err, `key "events" does not hold what xadd adds to`)
		assert.Equal(t, stops, sinks.IsStop(err))
		assert.Equal(t, !stops, sinks.IsPermanent(err))
	}
}

func TestWrongCredentialsStopTheReceiver(t *testing.T) {
	f := startFake(t)
	f.RequireUserAuth("boat", password)
	for _, more := range []string{"", "username: boat\npassword: wr0ng-word", "password: wr0ng-word"} {
		s := sinktest.MustOpen(t, Kind, "addresses: ['"+f.Addr()+"']\nkey: events\n"+more)
		err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
		require.Error(t, err)
		assert.True(t, sinks.IsStop(err), "%v", err)
		assert.NotContains(t, err.Error(), "wr0ng-word")
	}
}

func TestAServerThatIsDownOrRestartsIsAskedLater(t *testing.T) {
	f := startFake(t)
	s := sinktest.MustOpen(t, Kind, "addresses: ['"+f.Addr()+"']\nkey: events")
	f.Close()
	err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
	require.ErrorContains(t, err, "connection refused")
	assert.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))
	require.NoError(t, f.Restart())
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	f.Close()
	require.Error(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	require.NoError(t, f.Restart())
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
}

// After a failover behind one address the old connections lead to what is a replica now.
func TestAConnectionToAReplicaIsGivenUp(t *testing.T) {
	f := startFake(t)
	s := sinktest.MustOpen(t, Kind, "addresses: ['"+f.Addr()+"']\nkey: events")
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	var old *server.Peer
	f.refuse = func(peer *server.Peer) string {
		if old == nil {
			old = peer
		}
		if peer != old {
			return ""
		}
		return "READONLY You can't write against a read only replica."
	}
	err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
	require.ErrorContains(t, err, "READONLY")
	require.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
}

// Redis 5 and 6 quote in their own way.
func TestAnUnknownCommandStopsTheReceiver(t *testing.T) {
	for _, quote := range []string{"'", "`"} {
		f := startFake(t)
		f.refuse = func(*server.Peer) string {
			return "ERR unknown command " + quote + "XADD" + quote + ", with args beginning with: 'secret-key' "
		}
		s := sinktest.MustOpen(t, Kind, "addresses: ['"+f.Addr()+"']\nkey: secret-key")
		err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
		require.EqualError(t, err, "send: answered ERR unknown command")
		assert.True(t, sinks.IsStop(err))
	}
}

func TestMaxLen(t *testing.T) {
	f := startFake(t)
	s := sinktest.MustOpen(t, Kind, "addresses: ['"+f.Addr()+"']\nkey: '{{ .Namespace }}'\nmaxLen: 3")
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, sinktest.Kibibyte(10)...)))
	entries, err := f.Stream("shop")
	require.NoError(t, err)
	assert.Len(t, entries, 3)
}

func TestTLS(t *testing.T) {
	certificate := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(certificate.Close)
	m := miniredis.NewMiniRedis()
	require.NoError(t, m.StartTLS(&tls.Config{Certificates: certificate.TLS.Certificates})) //nolint:gosec // the client asks for more
	t.Cleanup(m.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate().Raw}), 0o600))

	s := sinktest.MustOpen(t, Kind, "addresses: ['"+m.Addr()+"']\nkey: events\ntls: {enable: true, caFile: "+ca+"}")
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))

	strict := sinktest.MustOpen(t, Kind, "addresses: ['"+m.Addr()+"']\nkey: events\ntls: {enable: true}")
	err := strict.Send(t.Context(), sinktest.Encode(t, strict, event.Sample()))
	require.ErrorContains(t, err, "not trusted")
	assert.True(t, sinks.IsStop(err))
}

// A cluster of one node; nothing is redirected.
func TestCluster(t *testing.T) {
	f := startFake(t)
	s := sinktest.MustOpen(t, Kind, "addresses: ['"+f.Addr()+"']\nkey: events\ncluster: true")
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, sinktest.Kibibyte(10)...)))
	entries, err := f.Stream("events")
	require.NoError(t, err)
	assert.Len(t, entries, 10)
	f.Script(sinktest.Answer{Outcome: sinktest.Unavailable})
	before := f.Attempts()
	require.Error(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	assert.Equal(t, before+1, f.Attempts(), "one attempt")
}

// The library repeats what it is told of a server that is starting, unless it is told not to.
func TestOneAttemptWhileTheServerStarts(t *testing.T) {
	for _, more := range []string{"", "cluster: true"} {
		m := miniredis.RunT(t)
		s := sinktest.MustOpen(t, Kind, "addresses: ['"+m.Addr()+"']\nkey: events\n"+more)
		require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
		var attempts atomic.Int64
		m.Server().SetPreHook(func(peer *server.Peer, command string, _ ...string) bool {
			if strings.EqualFold(command, "MULTI") {
				attempts.Add(1)
			}
			peer.WriteError("LOADING Redis is loading the dataset in memory")
			return true
		})
		require.ErrorContains(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())), "LOADING")
		assert.Equal(t, int64(1), attempts.Load())
	}
}

// The library dials five times by itself, and for a pipeline from another pool once more.
func TestFewAttemptsToConnect(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var connections atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = c.Close() // in mid-handshake
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	s := sinktest.MustOpen(t, Kind, "addresses: ['"+l.Addr().String()+"']\nkey: events\ntls: {enable: true}")
	require.Error(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	assert.Less(t, connections.Load(), int64(5))
}

func TestAnEmptyKeyIsADeadLetter(t *testing.T) {
	s := sinktest.MustOpen(t, Kind, "addresses: ['h:1']\nkey: '{{ .InvolvedObject.Labels.x | default \"\" }}'")
	_, err := s.Encode(event.Sample())
	require.EqualError(t, err, "line 2, column 6: key, as rendered for this event, is empty")
}

// A server that says nothing must not collect connections.
func TestTimeoutBoundsAnAttemptAndCutsItsConnection(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s := sinktest.MustOpen(t, Kind, "addresses: ['"+l.Addr().String()+"']\nkey: events\ntimeout: 50ms")
	require.ErrorContains(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())), "no answer within 50ms")
	c, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute))) // a guard against hanging
	_, err = io.Copy(io.Discard, c)
	require.NoError(t, err, "it ends")
	require.NoError(t, c.Close())
}
