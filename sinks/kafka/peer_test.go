package kafka

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// read reads all of a topic with a client that is not ours: n messages, and no
// more are there.
func read(t *testing.T, brokers []string, topic string, n int) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a guard against hanging
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic))
	require.NoError(t, err)
	defer client.Close()
	var all []*kgo.Record
	held := map[int32]int64{}
	for len(all) < n {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err(), "%d of %d are there", len(all), n)
		fetches.EachPartition(func(p kgo.FetchTopicPartition) { held[p.Partition] = p.HighWatermark })
		all = append(all, fetches.Records()...)
	}
	require.Len(t, all, n)
	sum := int64(0)
	for _, messages := range held {
		sum += messages
	}
	require.EqualValues(t, n, sum, "the partitions hold no more")
	return all
}

func headersOf(r *kgo.Record) map[string]string {
	all := map[string]string{}
	for _, h := range r.Headers {
		all[h.Key] = string(h.Value)
	}
	return all
}

func brokers(addresses []string) string {
	return "brokers: ['" + strings.Join(addresses, "', '") + "']\n"
}

// Three brokers, every codec, every event, read back by franz-go.
func TestWhatArrives(t *testing.T) {
	t.Log("peer: kfake in process, read by franz-go")
	c, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.DefaultNumPartitions(12), kfake.AllowAutoTopicCreation())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	allArrives(t, c.ListenAddrs(), "")
}

// A broker that crashes in mid-run and comes back has each event once.
func TestApacheKafka(t *testing.T) {
	server := peers.StartKafka(t)
	if server == nil {
		return // TestWhatArrives and TestFaults have the fake
	}
	at := []string{server.Addr}
	allArrives(t, at, "")
	allArrives(t, at, "version: 2.0.0\nidempotent: false\n")
	t.Run("restart", func(t *testing.T) {
		events := sinktest.Kibibyte(10_000)
		stats := sinktest.Deliver(t, sinktest.InMidRun(Kind, server.Kill, server.Start), "topic: restart\n"+brokers(at), events)
		require.EqualValues(t, len(events), stats.Delivered)
		require.Greater(t, stats.Attempts, stats.Batches, "it was away")
		requireEach(t, events, read(t, at, "restart", len(events)))
	})
}

func allArrives(t *testing.T, addresses []string, more string) {
	t.Helper()
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		if codec == "zstd" && more != "" {
			continue // it came with 2.1
		}
		t.Run(codec, func(t *testing.T) {
			topic, events := fmt.Sprintf("%s-%d", codec, len(more)), sinktest.Kibibyte(200)
			if codec == "none" {
				events = sinktest.Kibibyte(10_000)
			}
			stats := sinktest.Deliver(t, Kind, "topic: "+topic+"\ncompressionCodec: "+codec+"\n"+brokers(addresses)+more, events)
			require.EqualValues(t, len(events), stats.Delivered)
			got := read(t, addresses, topic, len(events))
			requireEach(t, events, got)
			require.EqualValues(t, codecs[codec], got[0].Attrs.CompressionType())
		})
	}
}

func requireEach(t *testing.T, events []*event.Event, got []*kgo.Record) {
	t.Helper()
	want := map[string]*event.Event{}
	for _, ev := range events {
		want[ev.ID()] = ev
	}
	for _, r := range got {
		ev := want[headersOf(r)[idHeader]]
		require.NotNil(t, ev, "each once")
		delete(want, ev.ID())
		require.Equal(t, string(ev.UID), string(r.Key))
		require.Equal(t, ev.Time().UnixMilli(), r.Timestamp.UnixMilli())
		require.Equal(t, string(ev.ToJSON()), string(r.Value))
	}
	require.Empty(t, want)
}

func TestRequestsPerThousand(t *testing.T) {
	f := startFake(t, 1)
	n := sinktest.RequestsPerThousand(t, sinktest.Destination{Kind: Kind, Service: f, Config: config(f, "")})
	assert.Equal(t, 2, n, "1 MiB is what a partition takes at one time")
}

func TestFaults(t *testing.T) {
	for name, more := range map[string]string{"idempotent": "", "not idempotent": "idempotent: false"} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, 3)
			f.Script(
				sinktest.Answer{Outcome: sinktest.Unavailable}, sinktest.Answer{Outcome: sinktest.ReplyLost},
				sinktest.Answer{Outcome: sinktest.Unavailable}, sinktest.Answer{Outcome: sinktest.ReplyLost},
			)
			events := sinktest.Kibibyte(500)
			require.EqualValues(t, len(events), sinktest.Deliver(t, Kind, config(f, more), events).Delivered)
			seen := map[string]bool{}
			for _, d := range f.Deliveries() {
				seen[d.Key] = true
			}
			for _, ev := range events {
				require.True(t, seen[ev.ID()], "nothing is missing, and a repetition has its ID")
			}
			if more == "" {
				read(t, f.ListenAddrs(), topic, len(events)) // each is there once
			}
		})
	}
}

// What some partitions take is not sent again because others refuse.
func TestOnlyWhatWasRefusedComesAgain(t *testing.T) {
	f := startFake(t, 64)
	f.Script(sinktest.Answer{Outcome: sinktest.Partly, Refused: []int{1, 3}})
	s := mustOpen(t, config(f, "key: '{{ .ResourceVersion }}'"))
	var events []*event.Event
	for i := range 5 {
		ev := event.Sample()
		ev.ResourceVersion = fmt.Sprint(1000 + i)
		events = append(events, ev)
	}
	require.Error(t, s.Send(t.Context(), sinktest.Encode(t, s, events...)))
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, events[1], events[3])))
	assert.Len(t, f.Deliveries(), 5)
}

// The broker does not say which of two records is bad: neither is given up for it.
func TestWhatSharesAPartitionWithABadRecordIsNotGivenUp(t *testing.T) {
	f := startFake(t, 64)
	f.Script(sinktest.Answer{Outcome: sinktest.Partly, Refused: []int{1}})
	s := mustOpen(t, config(f, "key: '{{ .Message }}'"))
	var events []*event.Event
	for _, key := range []string{"1000", "1001", "1001"} {
		ev := event.Sample()
		ev.Message = key
		events = append(events, ev)
	}
	err := s.Send(t.Context(), sinktest.Encode(t, s, events...))
	var partial *sinks.PartialError
	require.ErrorAs(t, err, &partial)
	require.Len(t, partial.Refused, 2)
	for _, i := range []int{1, 2} {
		assert.False(t, sinks.IsPermanent(partial.Refused[i]))
	}
	f.Script(sinktest.Answer{Outcome: sinktest.Malformed})
	assert.True(t, sinks.IsPermanent(s.Send(t.Context(), sinktest.Encode(t, s, events[1:]...))), "now the caller cuts")
}

func TestAcks_DS17(t *testing.T) {
	for more, want := range map[string]int16{"": -1, "idempotent: false": -1, "acks: leader": 1} {
		f := startFake(t, 1)
		s := mustOpen(t, config(f, more))
		require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
		assert.Equal(t, want, f.acks, more)
	}
}
