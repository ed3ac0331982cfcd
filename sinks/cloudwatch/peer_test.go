package cloudwatch

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// What 1,000 events become is read back by a client that is not ours. It
// refuses what is older than 14 days, as CloudWatch does: they get the present.
func TestPeer(t *testing.T) {
	events := sinktest.Kibibyte(1000)
	moto, live := peers.StartMoto(t)
	if !live {
		d := destination(t)
		sinktest.Deliver(t, Kind, d.Config, events)
		sinktest.RequireAll(t, events, sinktest.Bodies(d.Service))
		return
	}
	for _, ev := range events {
		ev.Series.LastObservedTime = metav1.NowMicro()
	}
	moto.Boto(t, `import boto3; boto3.client("logs").create_log_group(logGroupName="/kubernetes/events")`)
	stats := sinktest.Deliver(t, Kind, "logGroupName: /kubernetes/events\n"+sinktest.AWSAccess(moto.URL), events)
	require.EqualValues(t, 3, stats.Attempts, "one of them made the stream")
	sinktest.RequireAll(t, events, moto.Boto(t, `
import boto3
for page in boto3.client("logs").get_paginator("filter_log_events").paginate(logGroupName="/kubernetes/events"):
    for e in page["events"]:
        assert e["logStreamName"] == "packetboat"
        print(e["message"])
`))
}
