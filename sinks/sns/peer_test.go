package sns

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// subscribed makes a topic with a queue q that hears of it.
func subscribed(t *testing.T, at peers.AWS) (config string) {
	t.Helper()
	arn := at.Boto(t, `
import boto3
sns, sqs = boto3.client("sns"), boto3.client("sqs")
url = sqs.create_queue(QueueName="q")["QueueUrl"]
queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
arn = sns.create_topic(Name="events")["TopicArn"]
sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
print(arn)
`)[0]
	return "topicARN: " + arn + "\n" + sinktest.AWSAccess(at.URL)
}

// requireEach wants each event under its ID, perhaps more than once.
func requireEach(t *testing.T, events []*event.Event, got []peers.Message) {
	t.Helper()
	bodies := map[string]string{}
	for _, m := range got {
		bodies[m.ID] = m.Body
	}
	require.Len(t, bodies, len(events))
	for _, ev := range events {
		require.Equal(t, string(ev.ToJSON()), bodies[ev.ID()])
	}
}

// What events become is received from a subscribed queue by a client that is not ours.
func TestPeer_DS24(t *testing.T) {
	fauxqs, server := peers.StartFauxqs(t)
	if server == nil {
		events := sinktest.Kibibyte(1000)
		d := harness("events", "").Start(t)
		sinktest.Deliver(t, Kind, d.Config, events)
		sinktest.RequireAll(t, events, sinktest.Bodies(d.Service))
		return
	}
	all := os.Getenv("LIVE") == "all"
	n := 1000
	if all {
		n = 10_000
	}
	events := sinktest.Kibibyte(n)
	stats := sinktest.Deliver(t, Kind, subscribed(t, fauxqs), events)
	require.EqualValues(t, n/10, stats.Attempts)
	got := fauxqs.Drain(t, "q")
	require.Len(t, got, n)
	requireEach(t, events, got)

	if !all {
		t.Log("peer: moto, which takes some 30 messages in a second, does not take part: LIVE is not all")
		return
	}
	moto, _ := peers.StartMoto(t)
	sinktest.Deliver(t, Kind, subscribed(t, moto), events[:1000])
	got = moto.Drain(t, "q")
	require.Len(t, got, 1000)
	requireEach(t, events[:1000], got)
}

// A service that crashes in mid-run and comes back has all, and what it has twice
// has the same ID.
func TestRestart(t *testing.T) {
	fauxqs, server := peers.StartFauxqs(t)
	if server == nil {
		return // TestFaults has the fake
	}
	events := sinktest.Kibibyte(500)
	stats := sinktest.Deliver(t, sinktest.InMidRun(Kind, server.Kill, server.Start), subscribed(t, fauxqs), events)
	require.EqualValues(t, len(events), stats.Delivered)
	require.Greater(t, stats.Attempts, stats.Batches, "it was away")
	requireEach(t, events, fauxqs.Drain(t, "q"))
}
