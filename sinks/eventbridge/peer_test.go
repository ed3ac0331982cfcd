package eventbridge

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// What events become is received from a queue that a rule of the bus fills, by a
// client that is not ours.
func TestPeer(t *testing.T) {
	events := sinktest.Kibibyte(1000)
	moto, live := peers.StartMoto(t)
	if !live {
		d := destination(t)
		sinktest.Deliver(t, Kind, d.Config, events)
		sinktest.RequireAll(t, events, sinktest.Bodies(d.Service))
		return
	}
	moto.Boto(t, `
import boto3, json
e = boto3.client("events")
boto3.client("sqs").create_queue(QueueName="q")
e.create_event_bus(Name="events")
e.put_rule(Name="r", EventBusName="events", EventPattern=json.dumps({"source": ["kubernetes"]}))
e.put_targets(Rule="r", EventBusName="events", Targets=[{"Id": "x", "Arn": "arn:aws:sqs:us-east-1:123456789012:q"}])
`)
	if os.Getenv("LIVE") != "all" {
		events = events[:30] // moto takes its time for each
	}
	stats := sinktest.Deliver(t, Kind, "eventBusName: events\n"+sinktest.AWSAccess(moto.URL), events)
	require.EqualValues(t, len(events)/10, stats.Attempts)
	var details []string
	for _, m := range moto.Drain(t, "q") {
		var got struct {
			Time   time.Time
			Detail json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(m.Body), &got))
		require.Equal(t, events[0].Time().Truncate(time.Second), got.Time.UTC(), "to the second")
		details = append(details, compact(t, got.Detail))
	}
	sinktest.RequireAll(t, events, details)
}

// compact is JSON without the spaces that moto has put between.
func compact(t *testing.T, raw []byte) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Compact(&out, raw))
	return out.String()
}
