package peers

import (
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/stretchr/testify/require"
)

// GCS is a service that speaks Cloud Storage's protocol and asks for no
// credentials.
type GCS struct {
	Name     string
	Endpoint string
}

// StartGCS gives fake-gcs-server in process and, with LIVE, as a process.
func StartGCS(t testing.TB) []GCS {
	t.Helper()
	fake, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http"})
	require.NoError(t, err)
	t.Cleanup(fake.Stop)
	t.Log("peer: fake-gcs-server, in process")
	peers := []GCS{{Name: "in process", Endpoint: fake.URL()}}
	if !Live() {
		t.Log("peer: fake-gcs-server as a process does not take part: LIVE is not set")
		return peers
	}
	addr := program{name: "fake-gcs-server", pkg: "github.com/fsouza/fake-gcs-server", version: "v1.56.1"}.
		start(t, "/storage/v1/b", nil, func(host, port string) []string {
			own := host + ":" + port
			return []string{
				"-backend", "memory", "-scheme", "http", "-host", host, "-port", port,
				"-public-host", own, "-external-url", "http://" + own, "-log-level", "error",
			}
		})
	return append(peers, GCS{Name: "process", Endpoint: "http://" + addr})
}
