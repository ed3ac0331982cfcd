package opensearch

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks"
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
		verdictsOf(t, node)
		inOpenSearch(t, node, events)
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

// A node that crashes in mid-run and comes back has each event once.
func inOpenSearch(t *testing.T, node peers.OpenSearch, events []*event.Event) {
	t.Helper()
	hasEach := func(index string, kind sinks.Kind, events []*event.Event) deliver.Stats {
		stats := sinktest.Deliver(t, kind, fmt.Sprintf("hosts: ['%s']\nindex: %s", node.URL(), index), events)
		documents := node.Documents(t, index)
		require.Equal(t, len(events), len(documents)) //nolint:testifylint // it would print all of them
		for _, ev := range events {
			require.Equal(t, string(ev.ToJSON()), documents[ev.ID()])
		}
		return stats
	}
	hasEach("whole", Kind, events)
	stats := hasEach("restarted", sinktest.InMidRun(Kind, node.Kill, node.Start), events[:4000])
	assert.Greater(t, stats.Attempts, stats.Batches, "it was away")
}

// What bulk's TestVerdicts says of the answers is what a real node says.
func verdictsOf(t *testing.T, node peers.OpenSearch) {
	t.Helper()
	put := func(path, body string) { node.Do(t, http.MethodPut, path, body) }
	put("/closed", "")
	node.Do(t, http.MethodPost, "/closed/_close", "")
	put("/routed", `{"mappings": {"_routing": {"required": true}}}`)
	put("/one", `{"aliases": {"alias": {}}}`)
	put("/other", `{"aliases": {"alias": {}}}`)
	put("/_index_template/t", `{"index_patterns": ["logs-*"], "data_stream": {}, "priority": 200}`)
	put("/numbers", `{"mappings": {"properties": {"reason": {"type": "long"}}}}`)

	const accepted, never, stop = "accepted", "never", "stop"
	for config, want := range map[string]string{
		"index: any":                      accepted,
		"index: any\nuseEventID: true":    accepted,
		"index: logs-a\ndataStream: true": accepted,
		"index: logs-a":                   stop,
		"index: closed":                   stop,
		"index: routed":                   stop,
		"index: routed\nrouting: x":       accepted,
		"index: alias":                    stop,
		"index: any\npipeline: none":      stop,
		"index: any\ntype: kube-event":    stop,
		"index: numbers":                  never,
	} {
		for range 2 { // a repetition is judged as the first
			got := accepted
			err := send(t, "hosts: ['"+node.URL()+"']\n"+config)
			var partial *sinks.PartialError
			if errors.As(err, &partial) {
				err = partial.Refused[0]
			}
			switch {
			case sinks.IsStop(err):
				got = stop
			case sinks.IsPermanent(err):
				got = never
			default:
				require.NoError(t, err, config)
			}
			assert.Equal(t, want, got, "%s: %v", config, err)
		}
	}
	put("/_cluster/settings", `{"transient": {"cluster.max_shards_per_node": 1}}`)
	err := send(t, "hosts: ['"+node.URL()+"']\nindex: one-too-many")
	var partial *sinks.PartialError
	require.ErrorAs(t, err, &partial)
	assert.True(t, sinks.IsStop(partial.Refused[0]), "%v", err)
	put("/_cluster/settings", `{"transient": {"cluster.max_shards_per_node": null}}`)
}
