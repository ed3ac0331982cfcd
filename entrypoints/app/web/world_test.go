package web

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/route"
)

const rules = `
drop: [{namespace: "*test*"}, {type: Normal, reason: Pulled|Created}]
match: [{receiver: archive}]
routes:
  - match: [{type: Warning, kind: Pod, receiver: oncall}]
    routes: [{match: [{not: {namespace: kube-system}, labels: {team: payments}, receiver: payments}]}]
  - drop: [{minCount: 100}]
    match: [{reason: Failed|BackOff, receiver: slack}]
`

// world is a packetboat as a page sees it: the real rules, and receivers that
// send their event's JSON.
type world struct {
	mu       sync.Mutex // of snapshot, health and events
	snapshot Snapshot
	health   Health
	events   map[string]*event.Event
	counter  *route.Counter
	tree     *route.Tree
	polls    atomic.Int64
	entered  chan struct{} // gets one for each explanation that begins, if block is not nil
	block    chan struct{} // if not nil, an explanation waits for it
}

var names = []string{"archive", "oncall", "payments", "slack"}

func newWorld(t testing.TB) *world {
	t.Helper()
	var root route.Route
	require.NoError(t, yaml.Unmarshal([]byte(rules), &root))
	tree, err := route.Compile(root, names)
	require.NoError(t, err)
	good := Check{OK: true, Reasons: []Reason{{"progress", true, "the last page came 2 s ago"}}}
	return &world{
		tree: tree, counter: tree.Counted(), events: map[string]*event.Event{},
		health: Health{Live: good, Ready: good},
		snapshot: Snapshot{
			Version: "v1.4.0", Cluster: "staging-eu", Since: time.Now().Add(-3 * time.Hour),
			State: "following", StateText: "This replica is the leader.",
		},
	}
}

// pass routes an event and puts it among the recent ones.
func (w *world) pass(ev *event.Event) {
	to := w.counter.Route(ev, nil)
	recent := Recent{
		ID: ev.ID(), Time: ev.Time(), Kind: ev.InvolvedObject.Kind, Namespace: ev.InvolvedObject.Namespace,
		Name: ev.InvolvedObject.Name, Reason: ev.Reason, Type: ev.Type, Message: ev.Message, Receivers: []string{},
	}
	for _, i := range to {
		recent.Receivers = append(recent.Receivers, names[i])
	}
	if len(to) == 0 {
		w.snapshot.Dropped++
	}
	w.events[ev.ID()] = ev
	w.snapshot.Recent = append([]Recent{recent}, w.snapshot.Recent...)
}

func (w *world) Snapshot() Snapshot {
	w.polls.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.snapshot
	s.Now, s.Route = time.Now(), w.counter.Counts()
	return s
}

func (w *world) Explain(_ context.Context, raw []byte) (Explanation, error) {
	if w.block != nil {
		w.entered <- struct{}{}
		<-w.block
	}
	ev := &event.Event{}
	if err := json.Unmarshal(raw, ev); err != nil {
		return Explanation{}, err
	}
	return w.explain(ev), nil
}

func (w *world) ExplainRecent(_ context.Context, id string) (Explanation, error) {
	w.mu.Lock()
	ev := w.events[id]
	w.mu.Unlock()
	if ev != nil {
		return w.explain(ev), nil
	}
	return Explanation{}, ErrNotFound
}

func (w *world) explain(ev *event.Event) Explanation {
	e := Explanation{Trace: w.tree.Explain(ev)}
	for _, i := range w.tree.Route(ev, nil) {
		e.Payloads = append(e.Payloads, Payload{Receiver: names[i], Body: string(ev.ToJSON())})
	}
	return e
}

func (w *world) options() Options {
	return Options{
		Address: "127.0.0.1:0", Metrics: prometheus.NewRegistry(), Status: w,
		Health: func() Health {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.health
		},
		Log: slog.New(slog.DiscardHandler),
	}
}

// serve starts a Server until the test ends, and returns its address with a scheme.
func serve(t testing.TB, o Options) string {
	t.Helper()
	s, err := New(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		http.DefaultClient.CloseIdleConnections()
	})
	return "http://" + s.Addr().String()
}

type answer struct {
	status int
	header http.Header
	body   string
}

func ask(t testing.TB, method, url, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
	}
	return do(t, http.DefaultClient, request)
}

func do(t testing.TB, client *http.Client, request *http.Request) answer {
	t.Helper()
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}
