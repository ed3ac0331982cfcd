package gcs

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
)

// A connection that is half open must not hold a run for ever.
func TestAServiceThatNeverAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and nobody reads
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	silent := connect(Access{
		Bucket: "bucket", Endpoint: "http://" + listener.Addr().String(),
	})
	require.Equal(t, 30*time.Second, silent.timeout)
	silent.timeout = 50 * time.Millisecond
	store := &store{connection: silent, object: "object"}
	_, _, err = store.Load(t.Context())
	require.ErrorContains(t, err, "storage.objects.get: no answer within 50ms")
	require.NotErrorIs(t, err, state.ErrNotFound)
	_, err = store.Commit(t.Context(), state.Checkpoint{}, "")
	require.ErrorContains(t, err, "storage.objects.create: no answer within 50ms")
	letters := &deadLetters{connection: silent, prefix: "p/"}
	for _, err := range letters.All(t.Context()) {
		require.ErrorContains(t, err, "storage.objects.list: no answer within 50ms")
	}
}
