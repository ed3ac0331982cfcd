package elasticsearch

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// What arrives is what was sent: always at the fake, with LIVE at ZincSearch and
// with LIVE=all at OpenSearch too, where a client that is not ours reads it back.
func TestTenThousandEvents(t *testing.T) {
	events := sinktest.Kibibyte(10_000)
	const index = "kube-events"
	t.Run("fake", func(t *testing.T) {
		service := sinktest.NewBulkService(t, 10<<20)
		stats := sinktest.Deliver(t, Kind, "hosts: ["+service.URL+"]\nindex: "+index, events[:2000])
		assert.EqualValues(t, 2000, stats.Delivered)
		seen := map[string]bool{}
		for _, got := range service.Deliveries() {
			seen[got.Key] = true
		}
		assert.Len(t, seen, 2000)
	})
	node, live := peers.StartOpenSearch(t)
	if live {
		inOpenSearch(t, node, events[:4000])
	}
	peer, live := peers.StartZincSearch(t)
	if !live {
		return
	}
	config := fmt.Sprintf("hosts: ['%s']\nusername: %s\npassword: '%s'\nindex: %s", peer.URL, peer.Username, peer.Password, index)
	sinktest.Deliver(t, Kind, config, events[:1000]) // what comes again replaces what is there
	stats := sinktest.Deliver(t, Kind, config, events)
	assert.EqualValues(t, len(events), stats.Delivered)
	documents := peer.Documents(t, index, len(events))
	for _, ev := range events {
		require.Contains(t, documents[ev.ID()], `"resourceVersion":"`+ev.ResourceVersion+`"`)
	}
}

// A node that crashes in mid-run a// A node that crashes in mid-run and comes back has each event once. OpenSearch's
// bulk API is that of Elasticsearch 7.
func inOpenSearch(t *testing.T, node peers.OpenSearch, events []*event.Event) {
	t.Helper()
	config := "index: events\nhosts: ['" + node.URL() + "']"
	stats := sinktest.Deliver(t, sinktest.InMidRun(Kind, node.Kill, node.Start), config, events)
	assert.Greater(t, stats.Attempts, stats.Batches, "it was away")
	documents := node.Documents(t, "events")
	require.Equal(t, len(events), len(documents)) //nolint:testifylint // it would print all of them
	for _, ev := range events {
		require.Equal(t, string(ev.ToJSON()), documents[ev.ID()])
	}
}
