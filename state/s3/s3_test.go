package s3_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/s3"
	"github.com/packetboat/packetboat/state/statetest"
)

// TestOnServers holds all tests that need a server, so that each starts once.
func TestOnServers(t *testing.T) {
	for _, peer := range peers.StartS3(t) {
		t.Run(peer.Name, func(t *testing.T) {
			buckets := &buckets{peer: peer, client: client(peer)}
			t.Run("checkpoint", func(t *testing.T) { statetest.Run(t, checkpointHarness(buckets)) })
			t.Run("dead letters", func(t *testing.T) { statetest.RunDeadLetters(t, deadLetterHarness(buckets)) })
			t.Run("deleted by hand", func(t *testing.T) { deletedByHand(t, buckets) })
			t.Run("an object that is too large is not read whole", func(t *testing.T) { tooLarge(t, buckets) })
			t.Run("no bucket", func(t *testing.T) { noBucket(t, peer) })
			if peer.Exact {
				t.Run("wrong keys", func(t *testing.T) { wrongKeys(t, buckets) })
			}
		})
	}
}

// buckets makes an empty bucket for every case.
type buckets struct {
	peer   peers.S3
	client *awss3.Client
	count  atomic.Int32
}

func (b *buckets) make(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("packetboat-case-%d", b.count.Add(1))
	_, err := b.client.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &name})
	require.NoError(t, err)
	return name
}

// client is the SDK's own, to look at the storage from outside.
func client(peer peers.S3) *awss3.Client {
	return awss3.New(awss3.Options{
		BaseEndpoint: &peer.Endpoint, UsePathStyle: true, Region: peer.Region,
		Credentials:                credentials.NewStaticCredentialsProvider(peer.AccessKey, peer.SecretKey, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
}

func access(peer peers.S3, bucket, endpoint string) s3.Access {
	return s3.Access{
		Bucket: bucket, PathStyle: true,
		Config: awsconfig.Config{
			Region: peer.Region, Endpoint: endpoint,
			AccessKeyID: secret.New(peer.AccessKey), SecretAccessKey: secret.New(peer.SecretKey),
		},
	}
}

const key = "packetboat/checkpoint.json"

func open(t *testing.T, access s3.Access) state.Store {
	t.Helper()
	store, err := s3.Kind.Open(t.Context(), &s3.Config{Access: access, Key: key}, state.Env{})
	require.NoError(t, err)
	return store
}

func openDeadLetters(t *testing.T, access s3.Access) state.DeadLetters {
	t.Helper()
	letters, err := s3.Kind.OpenDeadLetters(t.Context(), &s3.DeadLetterConfig{Access: access, Prefix: "letters"}, state.Env{})
	require.NoError(t, err)
	return letters
}

func checkpointHarness(b *buckets) statetest.Harness {
	return statetest.Harness{New: func(t *testing.T) statetest.Storage {
		bucket := b.make(t)
		return statetest.Storage{
			Open: func(t *testing.T) state.Store { return open(t, access(b.peer, bucket, b.peer.Endpoint)) },
			LosingReply: func(t *testing.T) state.Store {
				return open(t, access(b.peer, bucket, statetest.LosingReplies(t, b.peer.Endpoint)))
			},
			Read:  func(t *testing.T) []byte { return b.read(t, bucket, key) },
			Write: func(t *testing.T, raw []byte) { b.write(t, bucket, key, raw) },
		}
	}}
}

func deadLetterHarness(b *buckets) statetest.DeadLetterHarness {
	return statetest.DeadLetterHarness{Page: 250, New: func(t *testing.T) statetest.DeadLetterStorage {
		bucket := b.make(t)
		at := func(endpoint string) func(*testing.T) state.DeadLetters {
			return func(t *testing.T) state.DeadLetters { return openDeadLetters(t, access(b.peer, bucket, endpoint)) }
		}
		return statetest.DeadLetterStorage{
			Open:          at(b.peer.Endpoint),
			CuttingWrites: func(t *testing.T) state.DeadLetters { return at(statetest.CuttingWrites(t, b.peer.Endpoint))(t) },
			LosingReply:   func(t *testing.T) state.DeadLetters { return at(statetest.LosingReplies(t, b.peer.Endpoint))(t) },
			Names:         func(t *testing.T) []string { return b.names(t, bucket) },
			Plant:         func(t *testing.T, name string, raw []byte) { b.write(t, bucket, "letters/"+name, raw) },
		}
	}}
}

// read is nil if there is no such object.
func (b *buckets) read(t *testing.T, bucket, key string) []byte {
	t.Helper()
	object, err := b.client.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: &key})
	var api smithy.APIError
	if err != nil {
		require.ErrorAs(t, err, &api)
		require.Equal(t, "NoSuchKey", api.ErrorCode())
		return nil
	}
	defer object.Body.Close()
	raw, err := io.ReadAll(object.Body)
	require.NoError(t, err)
	return raw
}

func (b *buckets) write(t *testing.T, bucket, key string, raw []byte) {
	t.Helper()
	_, err := b.client.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(raw)})
	require.NoError(t, err)
}

func (b *buckets) names(t *testing.T, bucket string) []string {
	t.Helper()
	var names []string
	pages := awss3.NewListObjectsV2Paginator(b.client, &awss3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, object := range page.Contents {
			name, inside := strings.CutPrefix(*object.Key, "letters/")
			if !inside {
				name = "/" + name
			}
			names = append(names, name)
		}
	}
	return names
}

// deletedByHand: what the token stood for is gone. S3 answers that with 404, others with 412.
func deletedByHand(t *testing.T, b *buckets) {
	bucket := b.make(t)
	store := open(t, access(b.peer, bucket, b.peer.Endpoint))
	token, err := store.Commit(t.Context(), state.Checkpoint{Revision: 1}, "")
	require.NoError(t, err)
	_, err = b.client.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &bucket, Key: aws.String(key)})
	require.NoError(t, err)
	_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 2}, token)
	require.ErrorIs(t, err, state.ErrConflict)
	_, token, err = store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 2}, token)
	require.NoError(t, err)
}

func tooLarge(t *testing.T, b *buckets) {
	bucket := b.make(t)
	b.write(t, bucket, key, make([]byte, 2<<20+1))
	_, token, err := open(t, access(b.peer, bucket, b.peer.Endpoint)).Load(t.Context())
	require.ErrorIs(t, err, state.ErrUnreadable)
	require.ErrorContains(t, err, "larger than 2097152 bytes")
	require.NotEmpty(t, token)

	b.write(t, bucket, "letters/disk.json", make([]byte, state.MaxDeadLetter+1))
	for _, err := range openDeadLetters(t, access(b.peer, bucket, b.peer.Endpoint)).All(t.Context()) {
		require.ErrorIs(t, err, state.ErrBadDeadLetter)
		require.ErrorContains(t, err, "larger than 16777216 bytes")
	}
}

func noBucket(t *testing.T, peer peers.S3) {
	store := open(t, access(peer, "packetboat-none", peer.Endpoint))
	_, _, err := store.Load(t.Context())
	require.NotErrorIs(t, err, state.ErrNotFound, "a misspelt bucket is no first run")
	require.ErrorContains(t, err, "load checkpoint from s3 packetboat-none/"+key+": s3:GetObject: bucket packetboat-none does not exist: 404 NoSuchBucket")
	for _, token := range []state.Token{"", `"0123"`} {
		_, err = store.Commit(t.Context(), state.Checkpoint{}, token)
		require.NotErrorIs(t, err, state.ErrConflict)
		require.ErrorContains(t, err, "s3:PutObject: bucket packetboat-none does not exist: 404 NoSuchBucket")
	}
	letters := openDeadLetters(t, access(peer, "packetboat-none", peer.Endpoint))
	require.ErrorContains(t, letters.Put(t.Context(), aLetter), "bucket packetboat-none does not exist")
	for _, err := range letters.All(t.Context()) {
		require.ErrorContains(t, err, "s3:ListBucket: bucket packetboat-none does not exist")
	}
}

func wrongKeys(t *testing.T, b *buckets) {
	bucket := b.make(t)
	for name, change := range map[string]func(a *s3.Access){
		"secret": func(a *s3.Access) { a.SecretAccessKey = secret.New("wrong-4711") },
		"ID":     func(a *s3.Access) { a.AccessKeyID = secret.New("wrong-4711") },
	} {
		wrong := access(b.peer, bucket, b.peer.Endpoint)
		change(&wrong)
		_, _, err := open(t, wrong).Load(t.Context())
		require.ErrorContains(t, err, "s3:GetObject: 40", name) // an unknown ID is 404 there
		require.NotErrorIs(t, err, state.ErrNotFound)
		require.NotContains(t, err.Error(), "4711")
		_, err = open(t, wrong).Commit(t.Context(), state.Checkpoint{}, "")
		require.ErrorContains(t, err, "s3:PutObject: 40", name)
		require.NotErrorIs(t, err, state.ErrConflict)
		require.NotContains(t, err.Error(), "4711")
	}
}
