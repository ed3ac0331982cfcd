package main

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/deploy/local/peers"
)

// TestMain lets the scripts run this test binary as the command packetboat.
func TestMain(m *testing.M) {
	// Scripts mostly wait. A -parallel of the caller goes before it.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"packetboat": main})
}

// TestScripts runs testdata/script: each file is one behaviour of the command,
// told as what is typed and what is seen. All of them share one real API server,
// and each has a namespace of its own in it. testdata/script/README.md says
// which commands they know.
func TestScripts(t *testing.T) {
	s := &suite{cluster: localtest.Start(t, local.Options{})}
	s.uid = clusterUID(t, s.cluster)
	s.bucket = bucket(t)
	s.wrongToken = variant(t, s.cluster, "wrong-token", s.cluster.Token(local.Admin), "expired")
	s.unreachable = variant(t, s.cluster, "unreachable", s.cluster.URL(), "https://127.0.0.1:1")
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: s.setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"bind": bind, "delivers": delivers, "events": events, "exits": exits, "json": checkJSON, "keys": checkKeys, "kubectl": kubectl,
			"lines": lines, "setenv": setenv, "signal": sendSignal, "webhook": webhook, "size": size,
		},
	})
}

// suite is what all scripts share.
type suite struct {
	cluster                 *local.Cluster
	uid                     string // of namespace kube-system
	bucket                  string // URL of a service like S3 that has bucketName
	wrongToken, unreachable string // kubeconfig files
}

// variant writes the admin's kubeconfig with something changed.
func variant(t *testing.T, cluster *local.Cluster, name, from, to string) string {
	t.Helper()
	text, err := os.ReadFile(cluster.Kubeconfig(local.Admin))
	require.NoError(t, err)
	require.Contains(t, string(text), from)
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), from, to)), 0o600))
	return path
}

// setup gives a script its namespace and the ways into the cluster.
func (s *suite) setup(env *testscript.Env) error {
	namespace := strings.ReplaceAll(strings.TrimPrefix(filepath.Base(env.WorkDir), "script-"), "_", "-")
	// Built with the race detector, each process would else wait a second at its end.
	env.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	env.Setenv("NS", namespace)
	env.Setenv("KUBECONFIG", s.cluster.Kubeconfig(local.Admin))
	env.Setenv("KUBECONFIG_PACKETBOAT", s.cluster.Kubeconfig(local.Packetboat))
	env.Setenv("KUBECONFIG_VIEWER", s.cluster.Kubeconfig(local.Viewer))
	env.Setenv("KUBECONFIG_NOBODY", s.cluster.Kubeconfig(local.Nobody))
	env.Setenv("KUBECONFIG_WRONG_TOKEN", s.wrongToken)
	env.Setenv("KUBECONFIG_UNREACHABLE", s.unreachable)
	env.Setenv("CLUSTER_UID", s.uid)
	env.Setenv("S3", s.bucket)
	env.Setenv("BUCKET", bucketName)
	env.Setenv("SOON", time.Now().Add(5*time.Minute).UTC().Format(time.RFC3339))
	w := &world{client: s.cluster.Client(), namespace: namespace, read: map[string]place{}}
	env.Values[worldKey{}] = w
	env.Defer(w.hook.close)
	return w.createNamespace(namespace)
}

const bucketName = "scripts"

func bucket(t *testing.T) (endpoint string) {
	t.Helper()
	endpoint = peers.StartS3(t)[0].Endpoint
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, endpoint+"/"+bucketName, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return endpoint
}

func clusterUID(t *testing.T, cluster *local.Cluster) string {
	t.Helper()
	var namespace exported
	require.NoError(t, cluster.Client().Get(t.Context(), "/api/v1/namespaces/kube-system", &namespace))
	return namespace.Metadata.UID
}
