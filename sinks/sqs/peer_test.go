package sqs

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func bodiesOf(messages []peers.Message) []string {
	bodies := make([]string, len(messages))
	for i, m := range messages {
		bodies[i] = m.Body
	}
	return bodies
}

func create(t *testing.T, at peers.AWS, queue string) (config string) {
	t.Helper()
	at.Boto(t, `
import boto3
name = "`+queue+`"
boto3.client("sqs").create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if name.endswith(".fifo") else {})
`)
	return "queueName: " + queue + "\n" + sinktest.AWSAccess(at.URL)
}

// What events become is received by a client that is not ours.
func TestPeer_DS23(t *testing.T) {
	fauxqs, server := peers.StartFauxqs(t)
	if server == nil {
		d := harness("events", "").Start(t)
		events := sinktest.Kibibyte(1000)
		sinktest.Deliver(t, Kind, d.Config, events)
		sinktest.RequireAll(t, events, sinktest.Bodies(d.Service))
		return
	}
	all := os.Getenv("LIVE") == "all"
	n, slow := 1000, 100
	if all {
		n, slow = 10_000, 1000
	}
	events := sinktest.Kibibyte(n)
	stats := sinktest.Deliver(t, Kind, create(t, fauxqs, "events"), events)
	require.EqualValues(t, n/10, stats.Attempts)
	got := fauxqs.Drain(t, "events")
	sinktest.RequireAll(t, events, bodiesOf(got))

	// All of them are of one object, and so of one group.
	sinktest.Deliver(t, Kind, create(t, fauxqs, "events.fifo"), events[:slow])
	got = fauxqs.Drain(t, "events.fifo")
	require.Len(t, got, slow)
	for i, m := range got {
		require.Equal(t, events[i].ID(), m.ID)
		require.Equal(t, string(events[i].ToJSON()), m.Body)
	}

	if !all {
		t.Log("peer: moto, which takes some 70 messages in a second, does not take part: LIVE is not all")
		return
	}
	moto, _ := peers.StartMoto(t)
	stats = sinktest.Deliver(t, Kind, create(t, moto, "events"), events[:slow])
	require.EqualValues(t, slow/10, stats.Attempts)
	sinktest.RequireAll(t, events[:slow], bodiesOf(moto.Drain(t, "events")))
}

// A service that crashes in mid-run and comes back has all, and what it has twice
// has the same ID.
func TestRestart(t *testing.T) {
	fauxqs, server := peers.StartFauxqs(t)
	if server == nil {
		return // TestFaults has the fake
	}
	events := sinktest.Kibibyte(500)
	stats := sinktest.Deliver(t, sinktest.InMidRun(Kind, server.Kill, server.Start), create(t, fauxqs, "events"), events)
	require.EqualValues(t, len(events), stats.Delivered)
	require.Greater(t, stats.Attempts, stats.Batches, "it was away")
	bodies := map[string]string{}
	for _, m := range fauxqs.Drain(t, "events") {
		bodies[m.ID] = m.Body
	}
	require.Len(t, bodies, len(events))
	for _, ev := range events {
		require.Equal(t, string(ev.ToJSON()), bodies[ev.ID()])
	}
}
