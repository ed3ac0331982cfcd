package nats

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks/sinktest"
)

// startServer starts a real server in process.
func startServer(t *testing.T, options *server.Options) *server.Server {
	t.Helper()
	options.Host, options.NoSigs, options.NoLog = "127.0.0.1", true, true
	if options.Port == 0 {
		options.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(options.Clone())
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(20*time.Second))
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

// fake is a stream by script, behind a real server: it acknowledges as JetStream
// does, or as a sinktest.Answer asks for.
type fake struct {
	cutter *sinktest.Cutter

	mu         sync.Mutex
	script     []sinktest.Answer
	attempts   int
	last       int // number of the last message
	answer     sinktest.Answer
	first      int // of the attempt
	deliveries []sinktest.Delivery
}

const subject = "events.k8s"

func startFake(t *testing.T) *fake {
	t.Helper()
	s := startServer(t, &server.Options{Users: []*server.User{{Username: "boat", Password: password}}})
	f := &fake{cutter: sinktest.NewCutter(t, s.Addr().String()), last: 1 << 30}
	conn, err := natsgo.Connect(s.ClientURL(), natsgo.UserInfo("boat", password))
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	_, err = conn.Subscribe(subject, f.receive)
	require.NoError(t, err)
	require.NoError(t, conn.Flush())
	return f
}

func (f *fake) receive(m *natsgo.Msg) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := m.Header.Get(jetstream.MsgIDHeader)
	_, version, _ := strings.Cut(strings.TrimSuffix(id, "-other"), ".")
	n, _ := strconv.Atoi(version)
	if n <= f.last { // the suite numbers the events of a batch upwards
		f.attempts++
		f.answer, f.first = sinktest.Answer{}, n
		if len(f.script) > 0 {
			f.answer, f.script = f.script[0], f.script[1:]
		}
	}
	f.last = n
	switch a := f.answer; a.Outcome {
	case sinktest.Unavailable:
		refuse(m, 503, 10077)
	case sinktest.Malformed:
		refuse(m, 400, int(jetstream.JSErrCodeStreamMessageExceedsMaximum))
	case sinktest.Forbidden:
		refuse(m, 503, int(jetstream.JSErrCodeJetStreamNotEnabledForAccount))
	case sinktest.Silent:
	case sinktest.ReplyLost:
		f.take(m, id)
		if n == f.first { // once: the rest of the attempt may be heard when the next has begun
			f.cutter.NextAnswer()
		}
		_ = m.Respond([]byte(`{"stream": "EVENTS", "seq": 1}`))
	default:
		switch refused := slices.Contains(a.Refused, n-f.first); {
		case refused && a.After > 0:
			refuse(m, 503, 10077)
		case refused:
			refuse(m, 400, int(jetstream.JSErrCodeStreamMessageExceedsMaximum))
		default:
			f.take(m, id)
			_ = m.Respond([]byte(`{"stream": "EVENTS", "seq": 1}`))
		}
	}
}

func (f *fake) take(m *natsgo.Msg, id string) {
	f.deliveries = append(f.deliveries, sinktest.Delivery{Key: id, Body: m.Data})
}

func refuse(m *natsgo.Msg, code, errCode int) {
	_ = m.Respond(fmt.Appendf(nil, `{"error": {"code": %d, "err_code": %d, "description": "no, %s said %s"}}`, code, errCode, password, m.Subject))
}

func (f *fake) Script(answers ...sinktest.Answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = append(f.script, answers...)
	f.last = 1 << 30 // what comes next begins an attempt
}

func (f *fake) Attempts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attempts
}

func (f *fake) Deliveries() []sinktest.Delivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.deliveries)
}
