package firehose

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// What 1,000 events become is read out of the stream's bucket by a client that
// is not ours.
func TestPeer_DS22(t *testing.T) {
	events := sinktest.Kibibyte(1000)
	moto, live := peers.StartMoto(t)
	if !live {
		d := destination(t)
		sinktest.Deliver(t, Kind, d.Config, events)
		sinktest.RequireAll(t, events, sinktest.Bodies(d.Service))
		return
	}
	moto.Boto(t, `
import boto3
boto3.client("s3").create_bucket(Bucket="lake")
boto3.client("firehose").create_delivery_stream(DeliveryStreamName="events", DeliveryStreamType="DirectPut",
    ExtendedS3DestinationConfiguration={"RoleARN": "arn:aws:iam::123456789012:role/x", "BucketARN": "arn:aws:s3:::lake"})
`)
	stats := sinktest.Deliver(t, Kind, "deliveryStreamName: events\n"+sinktest.AWSAccess(moto.URL), events)
	require.EqualValues(t, 2, stats.Attempts)
	sinktest.RequireAll(t, events, moto.Boto(t, `
import boto3
s3 = boto3.client("s3")
for o in s3.list_objects_v2(Bucket="lake")["Contents"]:
    print(s3.get_object(Bucket="lake", Key=o["Key"])["Body"].read().decode(), end="")
`))
}
