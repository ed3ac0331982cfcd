package otlp

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// What arrives is what was sent: always at the fake, which is a real gRPC server,
// with LIVE at the OpenTelemetry Collector too.
func TestTenThousandEvents(t *testing.T) {
	events := sinktest.Kibibyte(10_000)
	t.Run("fake", func(t *testing.T) {
		d, events := harness(overGRPC, "").Start(t), events[:2000]
		stats := sinktest.Deliver(t, d.Kind, d.Config, events)
		assert.EqualValues(t, len(events), stats.Delivered)
		require.Len(t, d.Service.Deliveries(), len(events))
		for i, got := range d.Service.Deliveries() {
			require.Contains(t, string(got.Body), events[i].ID(), "in order")
		}
	})
	for p, address := range map[protocol]func(*peers.Collector) string{
		overHTTP: func(c *peers.Collector) string { return c.HTTP },
		overGRPC: func(c *peers.Collector) string { return c.Addr },
	} {
		t.Run(string(p), func(t *testing.T) {
			c := peers.StartCollector(t)
			if c == nil {
				return
			}
			config := "protocol: " + string(p) + "\nendpoint: http://" + address(c)
			stats := sinktest.Deliver(t, Kind, config, events)
			assert.EqualValues(t, len(events), stats.Delivered)
			requireEach(t, events, received(t, c), 1)
			restarted(t, c, config)
		})
	}
}

// A collector that crashes in mid-run and comes back has all, and what it has
// twice has the same log.record.uid.
func restarted(t *testing.T, c *peers.Collector, config string) {
	t.Helper()
	events := sinktest.Kibibyte(20_000)[10_000:]
	stats := sinktest.Deliver(t, sinktest.InMidRun(Kind, c.Kill, c.Start), config, events)
	require.EqualValues(t, len(events), stats.Delivered)
	require.Greater(t, stats.Attempts, stats.Batches, "it was away")
	requireEach(t, events, received(t, c), 2)
}

// attribute is one of OTLP's JSON, in which a number is a text.
type attribute struct {
	Key   string
	Value struct{ StringValue, IntValue string }
}

// record is one as the collector wrote it: read without any code of ours.
type record struct {
	TimeUnixNano   string
	SeverityText   string
	SeverityNumber int
	Body           struct{ StringValue string }
	Attributes     []attribute
}

func received(t *testing.T, c *peers.Collector) map[string][]record {
	t.Helper()
	all := map[string][]record{}
	for _, text := range c.Requests(t) {
		var request struct {
			ResourceLogs []struct {
				ScopeLogs []struct{ LogRecords []record }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(text), &request))
		for _, about := range request.ResourceLogs {
			for _, scope := range about.ScopeLogs {
				for _, r := range scope.LogRecords {
					id := value(r.Attributes, "log.record.uid").StringValue
					all[id] = append(all[id], r)
				}
			}
		}
	}
	return all
}

func value(attributes []attribute, key string) struct{ StringValue, IntValue string } {
	for _, a := range attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return struct{ StringValue, IntValue string }{}
}

func requireEach(t *testing.T, events []*event.Event, got map[string][]record, atMost int) {
	t.Helper()
	for _, ev := range events {
		records := got[ev.ID()]
		require.NotEmpty(t, records, "nothing is missing")
		require.LessOrEqual(t, len(records), atMost)
		for _, r := range records {
			require.Equal(t, ev.Message, r.Body.StringValue)
			require.Equal(t, strconv.FormatInt(ev.Time().UnixNano(), 10), r.TimeUnixNano)
			require.Equal(t, []any{"Warning", 13}, []any{r.SeverityText, r.SeverityNumber})
			require.Equal(t, ev.Reason, value(r.Attributes, "k8s.event.reason").StringValue)
			require.Equal(t, strconv.Itoa(int(ev.Occurrences())), value(r.Attributes, "k8s.event.count").IntValue)
		}
	}
}
