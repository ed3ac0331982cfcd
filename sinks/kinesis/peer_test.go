package kinesis

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// What 1,000 events become is read back by a client that is not ours.
func TestPeer(t *testing.T) {
	events := sinktest.Kibibyte(1000)
	moto, live := peers.StartMoto(t)
	if !live {
		d := destination(t)
		sinktest.Deliver(t, Kind, d.Config, events)
		sinktest.RequireAll(t, events, sinktest.Bodies(d.Service))
		return
	}
	moto.Boto(t, `import boto3; boto3.client("kinesis").create_stream(StreamName="events", ShardCount=1)`)
	stats := sinktest.Deliver(t, Kind, "streamName: events\n"+sinktest.AWSAccess(moto.URL), events)
	require.EqualValues(t, 2, stats.Attempts)
	lines := moto.Boto(t, `
import boto3
k = boto3.client("kinesis")
at = k.get_shard_iterator(StreamName="events", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
while True:
    page = k.get_records(ShardIterator=at, Limit=500)
    if not page["Records"]:
        break
    at = page["NextShardIterator"]
    for r in page["Records"]:
        print(r["PartitionKey"], r["Data"].decode())
`)
	bodies := make([]string, len(lines))
	for i, line := range lines {
		key, body := line[:36], line[37:]
		bodies[i] = body
		assert.Contains(t, body, `"uid":"`+key+`"`, "the partition key")
	}
	sinktest.RequireAll(t, events, bodies)
}
