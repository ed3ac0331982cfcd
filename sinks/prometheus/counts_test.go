package prometheus

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// world is a process: one registry, and a clock at sinktest.Now when it begins.
type world struct{ registry *client.Registry }

func newWorld() *world { return &world{client.NewPedanticRegistry()} }

func (w *world) open(t *testing.T, receiver, config string) sinks.Sink {
	t.Helper()
	c := Kind.NewConfig()
	require.NoError(t, yaml.Unmarshal([]byte(config), c))
	env := sinktest.Env(io.Discard)
	env.Metrics, env.Receiver = w.registry, receiver
	s, err := Kind.Open(t.Context(), c, env)
	require.NoError(t, err)
	return s
}

func (w *world) shows(t *testing.T, metric string, series ...string) {
	t.Helper()
	help := "Occurrences of Kubernetes events that were routed to this receiver."
	if strings.HasSuffix(metric, "_overflow_total") {
		help = "Of these, those counted under other, because there are as many series as maxSeries allows."
	}
	text := "# HELP " + metric + " " + help + "\n# TYPE " + metric + " counter\n"
	for _, s := range series {
		text += metric + s + "\n"
	}
	require.NoError(t, testutil.GatherAndCompare(w.registry, strings.NewReader(text), metric))
}

// seen is a version of an event: its UID, how often it happened, and how long
// after the beginning of the process it was created.
func seen(uid string, count int32, age time.Duration) *event.Event {
	ev := event.Sample()
	ev.UID, ev.Series, ev.Count = types.UID(uid), nil, count
	ev.CreationTimestamp = metav1.NewTime(sinktest.Now.Add(age))
	return ev
}

const total = "packetboat_events_total"

func TestWhatHappenedSinceIsCounted(t *testing.T) {
	const young, old = time.Minute, -time.Minute
	for name, test := range map[string]struct {
		events []*event.Event
		want   int
	}{
		"an update counts the difference":                 {[]*event.Event{seen("a", 5, young), seen("a", 9, young)}, 9},
		"the same version twice counts once":              {[]*event.Event{seen("a", 5, young), seen("a", 5, young)}, 5},
		"an older version counts nothing":                 {[]*event.Event{seen("a", 9, young), seen("a", 5, young), seen("a", 10, young)}, 10},
		"an event of this process counts all":             {[]*event.Event{seen("a", 3, young)}, 3},
		"an older event at first sight counts 1":          {[]*event.Event{seen("a", 500, old)}, 1},
		"and its updates what is new":                     {[]*event.Event{seen("a", 500, old), seen("a", 503, old)}, 4},
		"created in the second that the process began":    {[]*event.Event{seen("a", 7, 0)}, 1},
		"two events that differ in nothing but their UID": {[]*event.Event{seen("a", 1, young), seen("b", 1, young)}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			s := w.open(t, "counts", "{labels: []}")
			for _, ev := range test.events {
				require.NoError(t, sinktest.Send(t, s, ev))
			}
			w.shows(t, total, fmt.Sprintf(`{receiver="counts"} %d`, test.want))
		})
	}
}

func TestAnEventWithoutAUIDIsKnownByItsName(t *testing.T) {
	w := newWorld()
	s := w.open(t, "counts", "{labels: []}")
	other := seen("", 1, time.Minute)
	other.Name = "other"
	require.NoError(t, sinktest.Send(t, s, seen("", 2, time.Minute), other, seen("", 3, time.Minute)))
	w.shows(t, total, `{receiver="counts"} 4`)
}

// What is forgotten may have been counted: it must not be counted all over again.
func TestAForgottenEventDoesNotCountAgain(t *testing.T) {
	w := newWorld()
	s := w.open(t, "counts", "{labels: []}")
	require.NoError(t, sinktest.Send(t, s, seen("first", 100, time.Minute)))
	for i := range remembered {
		require.NoError(t, sinktest.Send(t, s, seen(fmt.Sprint(i), 1, time.Hour)))
	}
	w.shows(t, total, fmt.Sprintf(`{receiver="counts"} %d`, 100+remembered))
	require.NoError(t, sinktest.Send(t, s, seen("first", 101, time.Minute)))
	w.shows(t, total, fmt.Sprintf(`{receiver="counts"} %d`, 100+remembered+1))
}

func TestLabels(t *testing.T) {
	w := newWorld()
	require.NoError(t, sinktest.Send(t, w.open(t, "counts", "{}"), seen("a", 1, 0)))
	w.shows(t, total, `{kind="Pod",namespace="default",reason="BackOff",receiver="counts",type="Warning"} 1`)

	require.NoError(t, sinktest.Send(t, w.open(t, "who", "{metric: who_total, labels: [component]}"), seen("a", 1, 0)))
	w.shows(t, "who_total", `{component="kubelet",receiver="who"} 1`)
}

func TestBeyondMaxSeriesItIsOther(t *testing.T) {
	w := newWorld()
	s := w.open(t, "counts", "{labels: [reason, type], maxSeries: 2}")
	for i, reason := range []string{"A", "B", "C", "D", "A"} {
		ev := seen(fmt.Sprint(i), 2, time.Minute)
		ev.Reason = reason
		require.NoError(t, sinktest.Send(t, s, ev))
	}
	w.shows(t, total,
		`{reason="A",receiver="counts",type="Warning"} 4`,
		`{reason="B",receiver="counts",type="Warning"} 2`,
		`{reason="other",receiver="counts",type="other"} 4`)
	w.shows(t, "packetboat_events_overflow_total", `{receiver="counts"} 4`)
}

func TestHostileValuesAreBounded(t *testing.T) {
	w := newWorld()
	s := w.open(t, "counts", "{labels: [reason]}")
	ev := seen("a", 1, 0)
	ev.Reason = strings.Repeat("x", 127) + "世界\xff"
	require.NoError(t, sinktest.Send(t, s, ev))
	w.shows(t, total, `{reason="`+strings.Repeat("x", 127)+`",receiver="counts"} 1`)
}

// A reload, or the next run of one process, opens the receiver anew.
func TestCountsGoOnWhenTheReceiverIsOpenedAgain(t *testing.T) {
	w := newWorld()
	first := w.open(t, "counts", "{labels: [type]}")
	require.NoError(t, sinktest.Send(t, first, seen("a", 5, time.Minute)))
	second := w.open(t, "counts", "{labels: [type], maxSeries: 1}")
	require.NoError(t, sinktest.Send(t, second, seen("a", 7, time.Minute)))
	require.NoError(t, first.Close(t.Context()))
	w.shows(t, total, `{receiver="counts",type="Warning"} 7`)
	normal := seen("b", 1, time.Minute)
	normal.Type = "Normal"
	require.NoError(t, sinktest.Send(t, second, normal))
	w.shows(t, total, `{receiver="counts",type="Warning"} 7`, `{receiver="counts",type="other"} 1`)
}

func TestTwoReceiversOfOneMetric(t *testing.T) {
	w := newWorld()
	a, b := w.open(t, "a", "{labels: [type]}"), w.open(t, "b", "{labels: [type]}")
	require.NoError(t, sinktest.Send(t, a, seen("x", 1, 0)))
	require.NoError(t, sinktest.Send(t, b, seen("x", 1, 0)))
	w.shows(t, total, `{receiver="a",type="Warning"} 1`, `{receiver="b",type="Warning"} 1`)
}

func TestANameThatIsTakenStopsTheReceiver(t *testing.T) {
	w := newWorld()
	require.NoError(t, sinktest.Send(t, w.open(t, "a", "{labels: [type]}"), seen("x", 1, 0)))
	w.registry.MustRegister(client.NewCounter(client.CounterOpts{Name: "mine_total"}))
	for _, config := range []string{"{labels: [reason]}", "{metric: mine_total}"} {
		s := w.open(t, "b", config)
		r, err := s.Encode(seen("x", 1, 0))
		require.NoError(t, err)
		err = s.Send(t.Context(), []sinks.Record{r})
		require.ErrorContains(t, err, "the name is taken by a metric with other labels")
		assert.True(t, sinks.IsStop(err), "its cursor stays")
	}
}

func TestOpeningShowsNothing(t *testing.T) {
	w := newWorld()
	w.open(t, "a", "{labels: [type]}")
	families, err := w.registry.Gather()
	require.NoError(t, err)
	assert.Empty(t, families)
}

func TestWithoutARegistryNothingIsLost(t *testing.T) {
	env := sinktest.Env(io.Discard)
	env.Metrics = nil
	s, err := Kind.Open(t.Context(), Kind.NewConfig(), env)
	require.NoError(t, err)
	r, err := s.Encode(event.Sample())
	require.NoError(t, err, "explain needs no registry")
	assert.True(t, sinks.IsStop(s.Send(t.Context(), []sinks.Record{r})))
}

func TestWhatIsWrongWithAConfig(t *testing.T) {
	for config, want := range map[string]string{
		"{metric: packetboat_events}": "metric: want a name of letters, digits and _ that ends in _total",
		"{metric: 'a b_total'}":       "metric: want a name",
		"{labels: [message]}":         `labels: "message" is none of component, kind, namespace, reason, type`,
		"{labels: [type, type]}":      `labels: "type" is there twice`,
		"{maxSeries: 0}":              "maxSeries: must be 1 or more",
	} {
		c := Kind.NewConfig()
		require.NoError(t, yaml.Unmarshal([]byte(config), c))
		_, err := Kind.Open(t.Context(), c, sinktest.Env(io.Discard))
		require.ErrorContains(t, err, want)
	}
}

func BenchmarkSend(b *testing.B) {
	env := sinktest.Env(io.Discard)
	s, err := Kind.Open(b.Context(), Kind.NewConfig(), env)
	require.NoError(b, err)
	batch := make([]sinks.Record, 100)
	for i := range batch {
		batch[i] = sinks.Record{Event: seen(fmt.Sprint(i), 1, 0)}
	}
	b.ReportAllocs()
	for n := int32(2); b.Loop(); n++ {
		for i := range batch {
			batch[i].Event.Count = n
		}
		if err := s.Send(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}
