package peers

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// installed is the path of a server that the system's packages bring; "" without
// LIVE. One that is missing fails the test, unless PEERS_MISSING=allowed says that
// they cannot be installed here: then the test's log says who did not take part.
func installed(t testing.TB, name string) (path string) {
	t.Helper()
	if !Live() {
		t.Logf("peer: %s does not take part: LIVE is not set", name)
		return ""
	}
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("PEERS_MISSING") == "allowed" {
		t.Logf("peer: %s does NOT take part: it is not installed", name)
		return ""
	}
	require.NoError(t, err, "apt-get install redis-server rsyslog nats-server")
	return path
}
