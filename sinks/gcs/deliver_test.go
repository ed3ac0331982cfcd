package gcs

import (
	"errors"
	"io"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

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
	for _, peer := range peers.StartGCS(t) {
		t.Run(peer.Name, func(t *testing.T) {
			reader, err := storage.NewClient(t.Context(), storage.WithJSONReads(),
				option.WithEndpoint(peer.Endpoint+"/storage/v1/"), option.WithoutAuthentication())
			require.NoError(t, err)
			t.Cleanup(func() { _ = reader.Close() })
			bucket := reader.Bucket("packetboat-boats")
			require.NoError(t, bucket.Create(t.Context(), "project", nil))
			b := sinktest.Bucket{
				Kind:    Kind,
				Config:  "{bucket: packetboat-boats, prefix: k8s, endpoint: '" + peer.Endpoint + "'}",
				Objects: func(t *testing.T) map[string][]byte { return objects(t, bucket) },
			}
			if peer.Server != nil {
				b.Kill, b.Start = peer.Server.Kill, peer.Server.Start
			}
			sinktest.RunBucket(t, b)
		})
	}
}

func objects(t *testing.T, bucket *storage.BucketHandle) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for list := bucket.Objects(t.Context(), nil); ; {
		attrs, err := list.Next()
		if errors.Is(err, iterator.Done) {
			return all
		}
		require.NoError(t, err)
		r, err := bucket.Object(attrs.Name).NewReader(t.Context())
		require.NoError(t, err)
		all[attrs.Name], err = io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
	}
}
