package redis

import (
	"strconv"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2/proto"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// startServers gives miniredis and, with LIVE, a real server.
func startServers(t *testing.T) map[string]string {
	t.Helper()
	t.Log("peer: miniredis in process")
	servers := map[string]string{"miniredis": startFake(t).Addr()}
	if process := peers.StartRedis(t); process != nil {
		servers["redis-server"] = process.Addr
	}
	return servers
}

// Every command, every event, read back by a client that is not ours.
func TestWhatArrives(t *testing.T) {
	for name, address := range startServers(t) {
		t.Run(name, func(t *testing.T) {
			events := sinktest.Kibibyte(10_000)
			few := events[:1000]
			config := "addresses: ['" + address + "']\n"
			for command, events := range map[string][]*event.Event{xadd: events, rpush: few, lpush: few} {
				stats := sinktest.Deliver(t, Kind, config+"key: by-"+command+"\ncommand: "+command, events)
				require.EqualValues(t, len(events), stats.Delivered)
			}
			c, err := proto.Dial(address)
			require.NoError(t, err)
			defer func() { assert.NoError(t, c.Close()) }()
			entries := stream(t, c, "by-xadd")
			right, left := elements(t, c, "by-rpush"), elements(t, c, "by-lpush")
			require.Len(t, entries, len(events))
			for i, ev := range events {
				require.Equal(t, []any{"id", ev.ID(), "event", string(ev.ToJSON())}, entries[i])
			}
			require.Len(t, right, len(few))
			require.Len(t, left, len(few))
			for i, ev := range few {
				require.Equal(t, string(ev.ToJSON()), right[i])
				require.Equal(t, string(ev.ToJSON()), left[len(few)-1-i], "the newest first")
			}
		})
	}
}

// A server that crashes in mid-run and comes back has every event; what came
// twice has the same ID.
func TestARestartOfTheServer(t *testing.T) {
	process := peers.StartRedis(t)
	if process == nil {
		return // TestFaults and TestAServerThatIsDownOrRestartsIsAskedLater have the fake
	}
	events := sinktest.Kibibyte(10_000)
	stats := sinktest.Deliver(t, sinktest.InMidRun(Kind, process.Kill, process.Start), "addresses: ['"+process.Addr+"']\nkey: events", events)
	require.EqualValues(t, len(events), stats.Delivered)
	require.Greater(t, stats.Attempts, stats.Batches, "it was away")
	requireAll(t, process.Addr, events)
}

func requireAll(t *testing.T, address string, events []*event.Event) {
	t.Helper()
	c, err := proto.Dial(address)
	require.NoError(t, err)
	defer func() { assert.NoError(t, c.Close()) }()
	held := map[string]string{}
	entries := stream(t, c, "events")
	for _, fields := range entries {
		held[fields[1].(string)] = fields[3].(string)
	}
	require.Len(t, held, len(events))
	for _, ev := range events {
		require.Equal(t, string(ev.ToJSON()), held[ev.ID()])
	}
	t.Logf("%d events came twice", len(entries)-len(events))
}

// A cluster of one node, which knows all slots.
func TestARealCluster(t *testing.T) {
	process := peers.StartRedis(t, "--cluster-enabled", "yes")
	if process == nil {
		return // TestCluster has the fake
	}
	c, err := proto.Dial(process.Addr)
	require.NoError(t, err)
	defer func() { assert.NoError(t, c.Close()) }()
	answer, err := c.Do("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
	require.NoError(t, err)
	require.Equal(t, proto.Inline("OK"), answer)
	events := sinktest.Kibibyte(1000)
	stats := sinktest.Deliver(t, Kind, "addresses: ['"+process.Addr+"']\nkey: events\ncluster: true", events)
	require.EqualValues(t, len(events), stats.Delivered)
	requireAll(t, process.Addr, events)
}

// page is how much is read at one time: the client is slow with long answers.
const page = 100

// stream are the fields of all entries.
func stream(t *testing.T, c *proto.Client, key string) (all [][]any) {
	t.Helper()
	for after := "-"; ; {
		entries := list(t, c, "XRANGE", key, after, "+", "COUNT", strconv.Itoa(page))
		for _, e := range entries {
			all = append(all, e.([]any)[1].([]any))
			after = "(" + e.([]any)[0].(string)
		}
		if len(entries) < page {
			return all
		}
	}
}

func elements(t *testing.T, c *proto.Client, key string) (all []any) {
	t.Helper()
	for {
		got := list(t, c, "LRANGE", key, strconv.Itoa(len(all)), strconv.Itoa(len(all)+page-1))
		all = append(all, got...)
		if len(got) < page {
			return all
		}
	}
}

func list(t *testing.T, c *proto.Client, args ...string) []any {
	t.Helper()
	raw, err := c.Do(args...)
	require.NoError(t, err)
	value, err := proto.Parse(raw)
	require.NoError(t, err)
	return value.([]any)
}

func TestPublishReachesWhoListens(t *testing.T) {
	for name, address := range startServers(t) {
		t.Run(name, func(t *testing.T) {
			c, err := proto.Dial(address)
			require.NoError(t, err)
			defer func() { assert.NoError(t, c.Close()) }()
			_, err = c.Do("SUBSCRIBE", "events")
			require.NoError(t, err)
			ev := event.Sample()
			sinktest.Deliver(t, Kind, "addresses: ['"+address+"']\nkey: events\ncommand: publish", []*event.Event{ev})
			raw, err := c.Read()
			require.NoError(t, err)
			assert.True(t, strings.Contains(raw, string(ev.ToJSON())), "as it was sent") //nolint:testifylint // it would print kilobytes
		})
	}
}
