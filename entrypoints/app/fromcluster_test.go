package app

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
)

// picky accepts one password at a time.
type picky struct {
	mu       sync.Mutex
	password string
	refused  int
	bodies   strings.Builder
}

func (p *picky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, password, _ := r.BasicAuth(); password != p.password {
		p.refused++
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	p.bodies.Write(body)
}

func (p *picky) want(password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.password = password
}

func (p *picky) got() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bodies.String()
}

// A control plane, the RBAC that the README names and no more, a configuration
// in a ConfigMap, and a password in a Secret that is rotated.
func TestConfigurationAndSecretsOutOfACluster(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	receiver := &picky{password: "canary-one"}
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	apply := func(path string, object map[string]any) {
		require.NoError(t, c.Client().Apply(t.Context(), path, object))
	}
	configure := func(text string) {
		apply("/api/v1/namespaces/default/configmaps/boat", map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "boat"}, "data": map[string]any{"config.yaml": text},
		})
	}
	keep := func(password string) {
		apply("/api/v1/namespaces/default/secrets/hook", map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "hook"}, "stringData": map[string]any{"password": password + "\n"},
		})
	}
	const text = `
watch: {commitInterval: 100ms, heartbeat: 1s}
secrets: {ttl: %s}
checkpoint: {file: {path: %q}}
route: {match: [{receiver: hook}]}
receivers: [{name: hook, webhook: {password: "k8s:default/hook#%s", username: u, endpoint: %q}}]
`
	checkpoint := t.TempDir() + "/checkpoint.json"
	configure(fmt.Sprintf(text, "1h", checkpoint, "password", server.URL))
	keep("canary-one")
	events := t.TempDir() + "/events.json"
	require.NoError(t, os.WriteFile(events, []byte(oneEvent), 0o600))
	o := Options{ConfigFile: "configmap:default/boat", Kubeconfig: c.Kubeconfig(local.Packetboat), Events: events, Stdout: io.Discard, Stderr: io.Discard}

	_, err := New(t.Context(), o)
	require.EqualError(t, err, "read configuration configmap:default/boat: not allowed: get on configmaps/boat in namespace default")
	assert.Equal(t, ExitUsage, ExitCode(err))
	allow(t, c, "configmaps", "boat")
	a, err := New(t.Context(), o)
	require.NoError(t, err)
	_, err = a.Run(t.Context(), RunOptions{})
	require.EqualError(t, err, "configmap:default/boat:6:46: receivers[0].webhook.password: secret k8s:default/hook#password: "+
		"not allowed: get on secrets/hook in namespace default")
	assert.Equal(t, ExitUsage, ExitCode(err))
	allow(t, c, "secrets", "hook")
	report, err := a.Run(t.Context(), RunOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 1, report.Receivers["hook"].Delivered)

	for name, want := range map[string]string{
		"configmap:default/boat#other": `has no key "other", it has: config.yaml`,
		"configmap:default/nobody":     "not allowed: get on configmaps/nobody in namespace default",
	} {
		o.ConfigFile = name
		_, err = New(t.Context(), o)
		require.ErrorContains(t, err, want)
	}

	// The receiver wants another password: it is picked up at once, though the TTL is an hour.
	grantEvents(t, c, local.Packetboat)
	w := startWatch(t, c, local.Packetboat, "%s", func(o *Options, _ *WatchOptions) { o.ConfigFile = "configmap:default/boat" })
	w.requireSoon(t, "/readyz", http.StatusOK, "following")
	keep("canary-two")
	receiver.want("canary-two")
	written := localtest.WriteEvents(t, c, "one", 3)
	require.Eventually(t, func() bool { return strings.Contains(receiver.got(), written[2].UID) }, time.Minute, 50*time.Millisecond)

	// A configuration that is no file is looked at, too.
	configure(fmt.Sprintf(text, "1s", checkpoint, "password", server.URL))
	w.reload <- struct{}{}
	w.requireSoon(t, "/metrics", http.StatusOK, `packetboat_config_reloads_total{result="taken"} 3`)
	configure("clusterName: renamed" + fmt.Sprintf(text, "1s", checkpoint, "password", server.URL))
	w.requireSoon(t, "/metrics", http.StatusOK, `packetboat_config_reloads_total{result="taken"} 4`)
	// A secret that is not there is no reason to stop.
	configure(fmt.Sprintf(text, "1s", checkpoint, "none", server.URL))
	require.Eventually(t, func() bool {
		return strings.Contains(w.log.String(), `has no key \"none\"`)
	}, time.Minute, 50*time.Millisecond)
	written = localtest.WriteEvents(t, c, "one", 3)
	require.Eventually(t, func() bool { return strings.Contains(receiver.got(), written[2].UID) }, time.Minute, 50*time.Millisecond)
	w.end(t)
	assert.NotContains(t, w.log.String(), "canary")
}

// allow is the Role of the README: one verb on one named object.
func allow(t *testing.T, c *local.Cluster, resource, name string) {
	t.Helper()
	const api = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/"
	role := "packetboat-" + resource
	require.NoError(t, c.Client().Apply(t.Context(), api+"roles/"+role, map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": map[string]any{"name": role},
		"rules": []any{map[string]any{"apiGroups": []string{""}, "resources": []string{resource}, "resourceNames": []string{name}, "verbs": []string{"get"}}},
	}))
	require.NoError(t, c.Client().Apply(t.Context(), api+"rolebindings/"+role, map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": map[string]any{"name": role},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
		"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": string(local.Packetboat)}},
	}))
}
