package cluster

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nowhere leaves no way into a cluster but those that a test makes.
func nowhere(t *testing.T) {
	t.Setenv("KUBECONFIG", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
}

func kubeconfig(t *testing.T, server string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(path, []byte(`
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "`+server+`", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: t0ken}}]
`), 0o600))
	return path
}

func TestWhichCluster(t *testing.T) {
	nowhere(t)
	named, exported := kubeconfig(t, "https://named"), kubeconfig(t, "https://exported")
	for name, test := range map[string]struct {
		config     Config
		kubeconfig string // exported
		want       string
	}{
		"the file that is named":       {Config{Kubeconfig: named}, exported, "https://named"},
		"the exported one":             {Config{}, exported, "https://exported"},
		"an address before everything": {Config{Server: "https://server", Kubeconfig: named}, exported, "https://server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", test.kubeconfig)
			config, err := load(test.config)
			require.NoError(t, err)
			assert.Equal(t, test.want, config.Host)
		})
	}
}

func TestNoCluster(t *testing.T) {
	nowhere(t)
	for name, test := range map[string]struct {
		config Config
		says   string
	}{
		"nothing is named":     {Config{}, "no cluster named: use --kubeconfig FILE, KUBECONFIG"},
		"no such file":         {Config{Kubeconfig: "/nowhere/kubeconfig"}, "/nowhere/kubeconfig: no such file"},
		"not in a pod":         {Config{InCluster: true}, "unable to load in-cluster configuration"},
		"an address of no use": {Config{Server: "://"}, "make a client for the cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(test.config)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestRequestsSpeakProtobufAndAreNotThrottled(t *testing.T) {
	nowhere(t)
	var got http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	wrapped := 0
	client, err := New(Config{
		Kubeconfig: kubeconfig(t, server.URL), UserAgent: "packetboat/1",
		Wrap: func(next http.RoundTripper) http.RoundTripper { wrapped++; return next },
	})
	require.NoError(t, err)
	require.NoError(t, client.Get().AbsPath("/api/v1/events").Do(t.Context()).Error())
	assert.Equal(t, "application/vnd.kubernetes.protobuf", got.Get("Accept"))
	assert.Equal(t, "packetboat/1", got.Get("User-Agent"))
	assert.Equal(t, "Bearer t0ken", got.Get("Authorization"))
	assert.Equal(t, 1, wrapped)
	assert.Nil(t, client.GetRateLimiter(), "the server has its own")

	client, err = New(Config{Kubeconfig: kubeconfig(t, server.URL), QPS: 7, Burst: 9})
	require.NoError(t, err)
	assert.InDelta(t, 7, client.GetRateLimiter().QPS(), 0)
}

func TestNamespaceOfThisPod(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "monitoring")
	assert.Equal(t, "monitoring", Namespace())
	t.Setenv("POD_NAMESPACE", "")
	assert.Empty(t, Namespace(), "outside a cluster there is none")
}

// A token file that is rotated is read again, at the latest when its token is
// refused, and no request fails for it. An address may have a path.
func TestARotatedTokenFile(t *testing.T) {
	good := "one"
	var paths []string
	api := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		if r.Header.Get("Authorization") != "Bearer "+good {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	file := filepath.Join(t.TempDir(), "token")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
	config := Config{Server: api.URL + "/k8s/c-1/", CAData: ca, TokenFile: file}
	_, err := New(config)
	require.ErrorContains(t, err, "find the cluster: read tokenFile: open "+file)
	require.NoError(t, os.WriteFile(file, []byte(" \n"), 0o600))
	_, err = New(config)
	require.ErrorContains(t, err, "read tokenFile: the file is empty")

	require.NoError(t, os.WriteFile(file, []byte("one\n"), 0o600))
	client, err := New(config)
	require.NoError(t, err)
	require.NoError(t, client.Get().AbsPath("/api/v1/events").Do(t.Context()).Error())
	good = "two"
	require.NoError(t, os.WriteFile(file, []byte("two\n"), 0o600))
	require.NoError(t, client.Get().AbsPath("/api/v1/events").Do(t.Context()).Error())
	assert.Equal(t, []string{"/k8s/c-1/api/v1/events", "/k8s/c-1/api/v1/events", "/k8s/c-1/api/v1/events"}, paths)
}
