package peers_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
)

func get(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func TestAPeerEndsWithItsTest(t *testing.T) {
	var first, second string
	t.Run("two of a kind side by side", func(t *testing.T) {
		first, second = peers.StartToxiproxy(t), peers.StartToxiproxy(t)
		require.NotEqual(t, first, second)
		require.NotEmpty(t, get(t, first+"/version"))
		require.NotEmpty(t, get(t, second+"/version"))
	})
	require.Empty(t, get(t, first+"/version"))
	require.Empty(t, get(t, second+"/version"))
}

// TestAPeerEndsWithAKilledProcess starts a peer in a test process of its own
// and kills that.
func TestAPeerEndsWithAKilledProcess(t *testing.T) {
	const variable = "PACKETBOAT_TEST_PEER"
	if os.Getenv(variable) != "" {
		_, err := os.Stdout.WriteString("url=" + peers.StartToxiproxy(t) + "\n")
		require.NoError(t, err)
		select {}
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), exe, "-test.run=^TestAPeerEndsWithAKilledProcess$")
	child.Env = append(os.Environ(), variable+"=1")
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	var url string
	buffer := make([]byte, 4096)
	for url == "" {
		n, err := out.Read(buffer)
		require.NoError(t, err)
		if _, after, found := strings.Cut(string(buffer[:n]), "url="); found {
			url = strings.TrimSpace(after)
		}
	}
	require.NotEmpty(t, get(t, url+"/version"))
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	require.Eventually(t, func() bool { return get(t, url+"/version") == "" }, time.Minute, 10*time.Millisecond)
}

// The fakes always take part, with LIVE also the real ones.
func TestPeersThatTakePart(t *testing.T) {
	want := 1
	if peers.Live() {
		want = 2
	}
	var urls []string
	for _, peer := range peers.StartS3(t) {
		urls = append(urls, peer.Endpoint)
	}
	require.Len(t, urls, want)
	for _, peer := range peers.StartGCS(t) {
		urls = append(urls, peer.Endpoint)
	}
	require.Len(t, urls, 2*want)
	for _, url := range urls {
		require.NotEmpty(t, get(t, url+"/storage/v1/b?project=p"))
	}
}
