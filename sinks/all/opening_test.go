package all

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// metadata is the service that the clouds' libraries ask for credentials on a
// machine that has none of its own. It counts who asks.
func metadata(t *testing.T) *atomic.Int64 {
	t.Helper()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.NotFound(w, nil)
	}))
	t.Cleanup(s.Close)
	for _, name := range os.Environ() {
		if name, _, _ := strings.Cut(name, "="); strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "GOOGLE_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s.URL)
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(s.URL, "http://"))
	return &asked
}

// Who checks a configuration, or runs one with other receivers, resolves no
// credentials: that is for the first batch to do.
func TestOpeningAsksNobodyForCredentials(t *testing.T) {
	asked := metadata(t)
	for _, k := range Kinds() {
		readme, err := os.ReadFile(filepath.Join("..", k.Name, "README.md"))
		require.NoError(t, err)
		for _, block := range yamlBlocks(string(readme)) {
			openExample(t, k, block)
			assert.Zero(t, asked.Swap(0), "%s:\n%s", k.Name, block)
		}
	}
	for _, name := range []string{"sqs", "pubsub"} {
		sendExample(t, name)
		assert.NotZero(t, asked.Swap(0), "%s asks at its first batch, or this test sees nothing", name)
	}
}

// sendExample sends one event to the first example of a sink's README.
func sendExample(t *testing.T, name string) {
	t.Helper()
	for _, k := range Kinds() {
		if k.Name != name {
			continue
		}
		readme, err := os.ReadFile(filepath.Join("..", name, "README.md"))
		require.NoError(t, err)
		s, err := k.Open(t.Context(), examples(t, k, yamlBlocks(string(readme))[0])[0], sinktest.Env(io.Discard))
		require.NoError(t, err)
		record, err := s.Encode(sinktest.Kibibyte(1)[0])
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.Error(t, s.Send(ctx, []sinks.Record{record}))
		require.NoError(t, s.Close(t.Context()))
	}
}
