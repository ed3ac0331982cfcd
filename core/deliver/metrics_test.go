package deliver

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/sinks"
)

// shown is what a scrape has of the metrics of receivers, without the histogram.
func shown(t *testing.T, m *metrics.Metrics, want string) {
	t.Helper()
	var text strings.Builder
	var names []string
	for line := range strings.Lines(want) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), "{")
		for _, declared := range m.Table() {
			if declared.Name == name && !strings.Contains(text.String(), "# HELP "+name+" ") {
				text.WriteString("# HELP " + name + " " + declared.Help + "\n# TYPE " + name + " " + string(declared.Type) + "\n")
				names = append(names, name)
			}
		}
		text.WriteString(name + "{" + rest + "\n")
	}
	require.NotEmpty(t, names)
	require.NoError(t, testutil.GatherAndCompare(m.Registry, strings.NewReader(text.String()), names...))
}

func TestWhatIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Options{})
		s := &fakeSink{answer: func(attempt int, _ []string) error {
			switch attempt {
			case 1:
				return errDown
			case 2:
				return &sinks.PartialError{Refused: map[int]error{1: sinks.Permanent(errors.New("bad"))}}
			}
			return nil
		}}
		out := deliverAll(t, Options{Sink: s, Batch: Batch{Records: 4}, DeadLetters: &letters{}, Retry: fast(), Metrics: m.Receiver("x")}, parcel(1, 6))
		require.NoError(t, out.err)
		shown(t, m, `packetboat_receiver_attempts_total{receiver="x"} 3
			packetboat_receiver_batches_total{receiver="x"} 2
			packetboat_receiver_events_dead_lettered_total{receiver="x"} 1
			packetboat_receiver_events_delivered_total{receiver="x"} 5
			packetboat_receiver_events_lost_total{receiver="x"} 0
			packetboat_receiver_events_refused_total{receiver="x"} 1
			packetboat_receiver_failed_attempts_total{outcome="interrupted",receiver="x"} 0
			packetboat_receiver_failed_attempts_total{outcome="permanent",receiver="x"} 1
			packetboat_receiver_failed_attempts_total{outcome="stop",receiver="x"} 0
			packetboat_receiver_failed_attempts_total{outcome="transient",receiver="x"} 1
			packetboat_receiver_sent_bytes_total{receiver="x"} 45
			packetboat_receiver_up{receiver="x"} 1`)
		assert.Equal(t, Stats{Delivered: 5, Refused: 1, DeadLettered: 1, Attempts: 3, Batches: 2, Bytes: 45, Settled: 6}, out.stats)
		assert.Equal(t, 1, testutil.CollectAndCount(m.Receiver("x").Duration))
	})
}

// The Report is of one Receiver, the metric of the process: a reload or the next
// run makes a new Receiver of the same name.
func TestAMetricGoesOnWhereAReportBegins(t *testing.T) {
	m := metrics.New(metrics.Options{})
	for range 2 {
		out := deliverAll(t, Options{Sink: &fakeSink{}, Metrics: m.Receiver("x")}, parcel(1, 3))
		assert.Equal(t, int64(3), out.stats.Delivered)
	}
	shown(t, m, `packetboat_receiver_events_delivered_total{receiver="x"} 6`)
}

func TestALostEventIsCountedAsLost(t *testing.T) {
	m := metrics.New(metrics.Options{})
	s := &fakeSink{answer: func(int, []string) error { return sinks.Permanent(errors.New("bad")) }}
	deliverAll(t, Options{Sink: s, Metrics: m.Receiver("x")}, parcel(1, 1))
	shown(t, m, `packetboat_receiver_events_dead_lettered_total{receiver="x"} 0
		packetboat_receiver_events_lost_total{receiver="x"} 1`)
}

func TestUpIsZeroFromGivingUpToTheNextAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Options{})
		up := m.Receiver("x").Up
		for name, answer := range map[string]error{
			"stopped":              sinks.Stop(errors.New("401")),
			"out of its budget":    errDown,
			"stopped for a record": &sinks.PartialError{Refused: map[int]error{0: sinks.Stop(errors.New("no such index"))}},
		} {
			s := &fakeSink{answer: func(int, []string) error { return answer }}
			out := deliverAll(t, Options{Sink: s, Retry: fast(), Metrics: m.Receiver("x")}, parcel(1, 1))
			require.Error(t, out.err, name)
			assert.Zero(t, testutil.ToFloat64(up), name)

			deliverAll(t, Options{Sink: &fakeSink{}, Metrics: m.Receiver("x")})
			assert.Zero(t, testutil.ToFloat64(up), "nothing was sent: nobody knows")
			deliverAll(t, Options{Sink: &fakeSink{}, Metrics: m.Receiver("x")}, parcel(1, 1))
			assert.InDelta(t, 1, testutil.ToFloat64(up), 0, name)
		}
		lost := errors.New("lease lost")
		out := deliverWith(t.Context(), t, Options{Sink: &fakeSink{}, Metrics: m.Receiver("x")}, func() error { return lost }, parcel(1, 1))
		require.ErrorIs(t, out.err, lost)
		assert.InDelta(t, 1, testutil.ToFloat64(up), 0, "that the lease is lost is no fault of the receiver")
	})
}

func TestOutcomes(t *testing.T) {
	bad, stop := sinks.Permanent(errors.New("bad")), sinks.Stop(errors.New("401"))
	d := &delivery{ctx: t.Context()}
	for _, test := range []struct {
		err  error
		want metrics.Outcome
	}{
		{errDown, metrics.Transient},
		{bad, metrics.Permanent},
		{stop, metrics.Stopped},
		{&sinks.PartialError{Refused: map[int]error{0: bad}}, metrics.Permanent},
		{&sinks.PartialError{Refused: map[int]error{0: bad, 1: errDown}}, metrics.Transient},
		{&sinks.PartialError{Refused: map[int]error{0: bad}, Unknown: 1}, metrics.Transient},
		{&sinks.PartialError{Refused: map[int]error{0: bad, 1: errDown, 2: stop}}, metrics.Stopped},
	} {
		assert.Equal(t, test.want, d.outcome(test.err), "%v", test.err)
	}
}

func TestTheEndOfTheRunIsNoFailureOfTheReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		s := &hungSink{}
		s.answer = func(int, []string) error { return nil }
		go func() {
			synctest.Wait()
			cancel()
		}()
		out := deliverWith(ctx, t, Options{Sink: s, Metrics: m.Receiver("x")}, func() error { return nil }, parcel(1, 1))
		require.Error(t, out.err)
		shown(t, m, `packetboat_receiver_failed_attempts_total{outcome="interrupted",receiver="x"} 1
			packetboat_receiver_failed_attempts_total{outcome="permanent",receiver="x"} 0
			packetboat_receiver_failed_attempts_total{outcome="stop",receiver="x"} 0
			packetboat_receiver_failed_attempts_total{outcome="transient",receiver="x"} 0
			packetboat_receiver_up{receiver="x"} 1`)
	})
}

// A batch of 100 records through a service that takes no time: the rest is what
// sending and counting cost.
func BenchmarkBatch(b *testing.B) {
	m := metrics.New(metrics.Options{})
	items := make([]item, 100)
	for i := range items {
		items[i] = item{entry: &entry{}}
	}
	d := &delivery{Receiver: New(Options{Name: "x", Sink: noService{}, Metrics: m.Receiver("x")}), ctx: b.Context(), ledger: &ledger{}}
	b.ReportAllocs()
	for b.Loop() {
		if err := d.attempt(items); err != nil {
			b.Fatal(err)
		}
		d.accepted(items)
	}
}

type noService struct{}

func (noService) Limits() sinks.Limits                       { return sinks.Limits{} }
func (noService) Encode(*event.Event) (sinks.Record, error)  { return sinks.Record{}, nil }
func (noService) Send(context.Context, []sinks.Record) error { return nil }
func (noService) Close(context.Context) error                { return nil }
