package s3

import (
	"fmt"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func TestRequestsPerThousand(t *testing.T) {
	s := scripted(t)
	d := sinktest.Destination{Kind: Kind, Service: s, Config: configOf(s.URL)}
	assert.Equal(t, 1, sinktest.RequestsPerThousand(t, d))
}

// Whatever goes wrong on the way, nothing is missing, and what came twice came
// under the same name.
func TestFaults(t *testing.T) {
	sinktest.Survive(t, sinktest.Harness{
		NoPartial: "an object is stored as a whole or not at all",
		Start: func(t *testing.T) sinktest.Destination {
			s := scripted(t)
			return sinktest.Destination{Kind: Kind, Service: s, Config: configOf(s.URL)}
		},
	})
}

// What a reader finds, though a real server was killed in mid-run: every event
// once, in the folder of its hour.
func TestEventsReadBack(t *testing.T) {
	for _, peer := range peers.StartS3(t) {
		t.Run(peer.Name, func(t *testing.T) {
			reader := awss3.New(awss3.Options{
				BaseEndpoint: &peer.Endpoint, UsePathStyle: true, Region: peer.Region,
				Credentials: credentials.NewStaticCredentialsProvider(peer.AccessKey, peer.SecretKey, ""),
			})
			bucket := "packetboat-boats"
			_, err := reader.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &bucket})
			require.NoError(t, err)
			b := sinktest.Bucket{
				Kind: Kind,
				Config: fmt.Sprintf("{bucket: %s, pathStyle: true, region: %s, endpoint: '%s', accessKeyID: %s, secretAccessKey: %s, prefix: k8s}",
					bucket, peer.Region, peer.Endpoint, peer.AccessKey, peer.SecretKey),
				Objects: func(t *testing.T) map[string][]byte { return objects(t, reader, bucket) },
			}
			if peer.Server != nil {
				b.Kill, b.Start = peer.Server.Kill, peer.Server.Start
			}
			sinktest.RunBucket(t, b)
		})
	}
}

func objects(t *testing.T, reader *awss3.Client, bucket string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	list, err := reader.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: &bucket})
	require.NoError(t, err)
	require.False(t, aws.ToBool(list.IsTruncated))
	for _, object := range list.Contents {
		answer, err := reader.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: object.Key})
		require.NoError(t, err)
		all[*object.Key], err = io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
	}
	return all
}
