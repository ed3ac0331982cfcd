package loki

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const byNamespace = "streamLabels: {namespace: '{{ .Namespace }}', job: events}\nstructuredMetadata: {uid: '{{ .UID }}'}\n"

// What arrives is what was sent: always at the fake, with LIVE=all at Loki too.
func TestTenThousandEvents(t *testing.T) {
	events := sinktest.Kibibyte(10_000)
	t.Run("fake", func(t *testing.T) {
		d := harness(byNamespace).Start(t)
		stats := sinktest.Deliver(t, d.Kind, d.Config, events)
		assert.EqualValues(t, len(events), stats.Delivered)
		require.Len(t, d.Service.Deliveries(), len(events))
		for i, got := range d.Service.Deliveries() {
			require.Contains(t, string(got.Body), `"resourceVersion":"`+events[i].ResourceVersion+`"`, "in order")
		}
	})
	server := peers.StartLoki(t)
	if server == nil {
		return
	}
	waitFor(t, server)
	config := byNamespace + "url: http://" + server.Addr
	from := time.Now().Add(-time.Hour).Truncate(time.Second)
	whole, restarted, mixed := dated(events, from), dated(events[:4000], from.Add(20*time.Minute)), dated(events[:1000], from.Add(40*time.Minute))

	sinktest.Deliver(t, Kind, config, whole)
	requireEach(t, whole, query(t, server, whole))

	// What it acknowledged it has after a crash, and what it has twice it shows once.
	stats := sinktest.Deliver(t, sinktest.InMidRun(Kind, server.Kill, server.Start), config, restarted)
	assert.Greater(t, stats.Attempts, stats.Batches, "it was away")
	waitFor(t, server)
	requireEach(t, restarted, query(t, server, restarted))

	// Too old is a fault of that entry, and of no other of the push.
	for _, i := range []int{0, 500, 999} {
		mixed[i].Series.LastObservedTime = metav1.NewMicroTime(from.AddDate(0, 0, -30))
	}
	stats = sinktest.Deliver(t, Kind, config, mixed)
	assert.Equal(t, []int64{997, 3}, []int64{stats.Delivered, stats.Refused})
	taken := append(append([]*event.Event{}, mixed[1:500]...), mixed[501:999]...)
	requireEach(t, taken, query(t, server, taken))
	verdictsOf(t, server)
}

// What the limits are taken to be is what Loki says.
func verdictsOf(t *testing.T, server *peers.Server) {
	t.Helper()
	config := "url: http://" + server.Addr + "\nlayout: '{{ .Message }}'\n"
	message := func(bytes int) *event.Event {
		ev := at(time.Now())
		ev.Message = strings.Repeat("x", bytes)
		return ev
	}
	const quotes = 2 // the layout is JSON
	require.NoError(t, send(t, config, message(maxLine-quotes)))
	for _, err := range []error{
		send(t, config, message(maxLine-quotes+1)),
		send(t, config+"streamLabels: {x: '{{ .Message }}'}", message(2049)),
		send(t, config, at(time.Now().AddDate(0, 0, -8))),
		send(t, config, at(time.Now().Add(time.Hour))),
	} {
		assert.True(t, sinks.IsPermanent(err), "%v", err)
	}
}

// dated are copies with times of their own, a millisecond apart.
func dated(events []*event.Event, from time.Time) []*event.Event {
	copies := make([]*event.Event, len(events))
	for i, ev := range events {
		one := *ev
		series := *ev.Series
		series.LastObservedTime = metav1.NewMicroTime(from.Add(time.Duration(i) * time.Millisecond))
		one.Series, copies[i] = &series, &one
	}
	return copies
}

func waitFor(t *testing.T, server *peers.Server) {
	t.Helper()
	require.Eventually(t, func() bool {
		response, err := http.Get("http://" + server.Addr + "/ready")
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, 2*time.Minute, 100*time.Millisecond)
}

// query reads what lies between the first and the last of events, by a client
// that is not ours: lines by their time.
func query(t *testing.T, server *peers.Server, events []*event.Event) map[int64][]string {
	t.Helper()
	lines := map[int64][]string{}
	from, end := events[0].Time(), events[len(events)-1].Time().Add(1)
	for {
		const page = 1000
		parameters := url.Values{
			"query": {`{job="events", namespace="shop"}`}, "direction": {"forward"}, "limit": {strconv.Itoa(page)},
			"start": {strconv.FormatInt(from.UnixNano(), 10)}, "end": {strconv.FormatInt(end.UnixNano(), 10)},
		}
		response, err := http.Get("http://" + server.Addr + "/loki/api/v1/query_range?" + parameters.Encode())
		require.NoError(t, err)
		var answer struct {
			Data struct {
				Result []struct{ Values [][2]string }
			}
		}
		require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
		require.NoError(t, response.Body.Close())
		n := 0
		for _, stream := range answer.Data.Result {
			for _, entry := range stream.Values {
				nanoseconds, err := strconv.ParseInt(entry[0], 10, 64)
				require.NoError(t, err)
				lines[nanoseconds] = append(lines[nanoseconds], entry[1])
				from = latest(from, time.Unix(0, nanoseconds+1))
				n++
			}
		}
		if n < page {
			return lines
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func requireEach(t *testing.T, events []*event.Event, lines map[int64][]string) {
	t.Helper()
	require.Equal(t, len(events), len(lines)) //nolint:testifylint // it would print all of them
	for _, ev := range events {
		require.Equal(t, []string{string(ev.ToJSON())}, lines[ev.Time().UnixNano()], "the event's time, once")
	}
}
