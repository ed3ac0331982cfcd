package peers

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// StartPubSub gives Google's emulator of Pub/Sub, the jar that
// PUBSUB_EMULATOR_JAR names or the one of an installed Cloud SDK: no registry has
// it. It needs a JDK and forgets everything when it is restarted; nil without
// LIVE, and where there is no jar unless LIVE is all.
func StartPubSub(t testing.TB) *Server {
	t.Helper()
	if !Live() {
		t.Log("peer: Google's Pub/Sub emulator does not take part: LIVE is not set")
		return nil
	}
	jar := os.Getenv("PUBSUB_EMULATOR_JAR")
	if jar == "" {
		found, err := filepath.Glob("/usr/lib/google-cloud-sdk/platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar")
		require.NoError(t, err)
		if len(found) == 0 && os.Getenv("LIVE") != "all" {
			t.Log("peer: Google's Pub/Sub emulator does NOT take part: it is not installed, and PUBSUB_EMULATOR_JAR is not set")
			return nil
		}
		require.NotEmpty(t, found, "LIVE is all, and there is no emulator: set PUBSUB_EMULATOR_JAR")
		jar = found[0]
	}
	java, err := exec.LookPath("java")
	require.NoError(t, err)
	addr := freeAddr(t)
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	return startServer(t, java, filepath.Base(jar), addr, nil, []string{"-Xmx256m", "-jar", jar, "--host=" + host, "--port=" + port})
}
