package gcs_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/gcs"
	"github.com/packetboat/packetboat/state/statetest"
)

// TestOnServers holds all tests that need a server, so that each starts once.
func TestOnServers(t *testing.T) {
	for _, peer := range peers.StartGCS(t) {
		t.Run(peer.Name, func(t *testing.T) {
			buckets := &buckets{endpoint: peer.Endpoint, client: client(t, peer.Endpoint)}
			t.Run("checkpoint", func(t *testing.T) { statetest.Run(t, checkpointHarness(buckets)) })
			t.Run("dead letters", func(t *testing.T) { statetest.RunDeadLetters(t, deadLetterHarness(buckets)) })
			t.Run("deleted by hand", func(t *testing.T) { deletedByHand(t, buckets) })
			t.Run("an object that is too large is not read whole", func(t *testing.T) { tooLarge(t, buckets) })
			t.Run("no bucket", func(t *testing.T) { noBucket(t, peer) })
			t.Run("the emulator of the environment", func(t *testing.T) { emulator(t, buckets) })
		})
	}
}

// buckets makes an empty bucket for every case.
type buckets struct {
	endpoint string
	client   *storage.Client
	count    atomic.Int32
}

// client is Google's own, to look at the storage from outside.
func client(t *testing.T, endpoint string) *storage.Client {
	t.Helper()
	client, err := storage.NewClient(t.Context(), storage.WithJSONReads(),
		option.WithEndpoint(endpoint+"/storage/v1/"), option.WithoutAuthentication())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

func (b *buckets) make(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("packetboat-case-%d", b.count.Add(1))
	require.NoError(t, b.client.Bucket(name).Create(t.Context(), "project", nil))
	return name
}

const object = "packetboat/checkpoint.json"

func open(t *testing.T, bucket, endpoint string) state.Store {
	t.Helper()
	config := &gcs.Config{Access: gcs.Access{Bucket: bucket, Endpoint: endpoint}, Object: object}
	store, err := gcs.Kind.Open(t.Context(), config, state.Env{})
	require.NoError(t, err)
	return store
}

func openDeadLetters(t *testing.T, bucket, endpoint string) state.DeadLetters {
	t.Helper()
	config := &gcs.DeadLetterConfig{Access: gcs.Access{Bucket: bucket, Endpoint: endpoint}, Prefix: "letters"}
	letters, err := gcs.Kind.OpenDeadLetters(t.Context(), config, state.Env{})
	require.NoError(t, err)
	return letters
}

func checkpointHarness(b *buckets) statetest.Harness {
	return statetest.Harness{New: func(t *testing.T) statetest.Storage {
		bucket := b.make(t)
		return statetest.Storage{
			Open: func(t *testing.T) state.Store { return open(t, bucket, b.endpoint) },
			LosingReply: func(t *testing.T) state.Store {
				return open(t, bucket, statetest.LosingReplies(t, b.endpoint))
			},
			Read:  func(t *testing.T) []byte { return b.read(t, bucket, object) },
			Write: func(t *testing.T, raw []byte) { b.write(t, bucket, object, raw) },
		}
	}}
}

func deadLetterHarness(b *buckets) statetest.DeadLetterHarness {
	return statetest.DeadLetterHarness{Page: 250, New: func(t *testing.T) statetest.DeadLetterStorage {
		bucket := b.make(t)
		return statetest.DeadLetterStorage{
			Open: func(t *testing.T) state.DeadLetters { return openDeadLetters(t, bucket, b.endpoint) },
			CuttingWrites: func(t *testing.T) state.DeadLetters {
				return openDeadLetters(t, bucket, statetest.CuttingWrites(t, b.endpoint))
			},
			LosingReply: func(t *testing.T) state.DeadLetters {
				return openDeadLetters(t, bucket, statetest.LosingReplies(t, b.endpoint))
			},
			Names: func(t *testing.T) []string { return b.names(t, bucket) },
			Plant: func(t *testing.T, name string, raw []byte) { b.write(t, bucket, "letters/"+name, raw) },
		}
	}}
}

// read is nil if there is no such object.
func (b *buckets) read(t *testing.T, bucket, name string) []byte {
	t.Helper()
	r, err := b.client.Bucket(bucket).Object(name).NewReader(t.Context())
	if errors.Is(err, storage.ErrObjectNotExist) {
		return nil
	}
	require.NoError(t, err)
	defer r.Close()
	raw, err := io.ReadAll(r)
	require.NoError(t, err)
	return raw
}

func (b *buckets) write(t *testing.T, bucket, name string, raw []byte) {
	t.Helper()
	w := b.client.Bucket(bucket).Object(name).NewWriter(t.Context())
	w.ChunkSize = 0
	_, err := w.Write(raw)
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

func (b *buckets) names(t *testing.T, bucket string) []string {
	t.Helper()
	var names []string
	objects := b.client.Bucket(bucket).Objects(t.Context(), nil)
	for {
		attrs, err := objects.Next()
		if errors.Is(err, iterator.Done) {
			return names
		}
		require.NoError(t, err)
		name, inside := strings.CutPrefix(attrs.Name, "letters/")
		if !inside {
			name = "/" + name
		}
		names = append(names, name)
	}
}

func deletedByHand(t *testing.T, b *buckets) {
	bucket := b.make(t)
	store := open(t, bucket, b.endpoint)
	token, err := store.Commit(t.Context(), state.Checkpoint{Revision: 1}, "")
	require.NoError(t, err)
	require.NoError(t, b.client.Bucket(bucket).Object(object).Delete(t.Context()))
	_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 2}, token)
	require.ErrorIs(t, err, state.ErrConflict)
	_, token, err = store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 2}, token)
	require.NoError(t, err)
}

func tooLarge(t *testing.T, b *buckets) {
	bucket := b.make(t)
	b.write(t, bucket, object, make([]byte, 2<<20+1))
	_, token, err := open(t, bucket, b.endpoint).Load(t.Context())
	require.ErrorIs(t, err, state.ErrUnreadable)
	require.ErrorContains(t, err, "larger than 2097152 bytes")
	require.NotEmpty(t, token)

	b.write(t, bucket, "letters/disk.json", make([]byte, state.MaxDeadLetter+1))
	for _, err := range openDeadLetters(t, bucket, b.endpoint).All(t.Context()) {
		require.ErrorIs(t, err, state.ErrBadDeadLetter)
		require.ErrorContains(t, err, "larger than 16777216 bytes")
	}
}

// noBucket: a read cannot tell a missing bucket from a missing object, the
// commit that follows can.
func noBucket(t *testing.T, peer peers.GCS) {
	store := open(t, "packetboat-none", peer.Endpoint)
	_, token, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	_, err = store.Commit(t.Context(), state.Checkpoint{}, token)
	require.Error(t, err)
	require.NotErrorIs(t, err, state.ErrConflict)
	require.ErrorContains(t, err, "commit checkpoint to gcs packetboat-none/"+object+": storage.objects.create: bucket packetboat-none does not exist: 404")
	letters := openDeadLetters(t, "packetboat-none", peer.Endpoint)
	require.ErrorContains(t, letters.Put(t.Context(), aLetter), "bucket packetboat-none does not exist")
	for _, err := range letters.All(t.Context()) {
		require.ErrorContains(t, err, "storage.objects.list: bucket packetboat-none does not exist")
	}
}

func emulator(t *testing.T, b *buckets) {
	t.Setenv("STORAGE_EMULATOR_HOST", b.endpoint)
	bucket := b.make(t)
	store := open(t, bucket, "")
	token, err := store.Commit(t.Context(), state.Checkpoint{Revision: 1}, "")
	require.NoError(t, err)
	_, loaded, err := store.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, token, loaded)
	require.NotNil(t, b.read(t, bucket, object))
}
