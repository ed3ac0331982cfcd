package faults

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/state"
)

// object is a checkpoint in a bucket of its own.
type object struct {
	peer   peers.S3
	client *s3.Client
	bucket string
	key    string
}

func newObject(t *testing.T, peer peers.S3) *object {
	t.Helper()
	o := &object{peer: peer, bucket: "packetboat-" + strings.ToLower(rand.Text()), key: "packetboat/checkpoint.json"}
	o.client = s3.New(s3.Options{
		BaseEndpoint: &peer.Endpoint, UsePathStyle: true, Region: peer.Region,
		Credentials: credentials.NewStaticCredentialsProvider(peer.AccessKey, peer.SecretKey, ""),
	})
	_, err := o.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &o.bucket})
	require.NoError(t, err)
	return o
}

// config is the checkpoint's, reached at another address, such as a proxy's.
func (o *object) config(endpoint string) string {
	return fmt.Sprintf("{s3: {bucket: %s, key: %s, endpoint: %q, pathStyle: true, region: %s}}", o.bucket, o.key, endpoint, o.peer.Region)
}

func (o *object) env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + o.peer.AccessKey, "AWS_SECRET_ACCESS_KEY=" + o.peer.SecretKey}
}

// endLease does what the 30 seconds of a lease do whose run is over and could
// not give it back. It reports whether there was one.
func (o *object) endLease(t *testing.T) bool {
	t.Helper()
	for {
		stored, err := o.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &o.bucket, Key: &o.key})
		var none *types.NoSuchKey
		if errors.As(err, &none) {
			return false
		}
		require.NoError(t, err)
		text, err := io.ReadAll(stored.Body)
		require.NoError(t, err)
		require.NoError(t, stored.Body.Close())
		checkpoint, err := state.Decode(text)
		require.NoError(t, err)
		if checkpoint.Lease.Holder == "" {
			return false
		}
		checkpoint.Lease = state.Lease{}
		checkpoint.Revision++
		text, err = state.Encode(checkpoint)
		require.NoError(t, err)
		_, err = o.client.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &o.bucket, Key: &o.key, Body: bytes.NewReader(text), IfMatch: stored.ETag,
		})
		// The last commit of a run that gave up may still be on its way.
		if err != nil && strings.Contains(err.Error(), "PreconditionFailed") {
			continue
		}
		require.NoError(t, err)
		return true
	}
}
