package s3

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/state"
)

// A connection that is half open must not hold a run for ever.
func TestAServiceThatNeverAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and nobody reads
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	silent := connect(Access{
		Bucket: "bucket", PathStyle: true,
		Config: awsconfig.Config{
			Region: "us-east-1", Endpoint: "http://" + listener.Addr().String(),
			AccessKeyID: secret.New("id"), SecretAccessKey: secret.New("secret"),
		},
	})
	require.Equal(t, 30*time.Second, silent.timeout)
	silent.timeout = 500 * time.Millisecond
	store := &store{connection: silent, key: "key"}
	_, _, err = store.Load(t.Context())
	require.ErrorContains(t, err, "s3:GetObject: no answer within 500ms")
	require.NotErrorIs(t, err, state.ErrNotFound)
	_, err = store.Commit(t.Context(), state.Checkpoint{}, "")
	require.ErrorContains(t, err, "s3:PutObject: no answer within 500ms")
	letters := &deadLetters{connection: silent, prefix: "p/"}
	for _, err := range letters.All(t.Context()) {
		require.ErrorContains(t, err, "s3:ListBucket: no answer within 500ms")
	}
}
