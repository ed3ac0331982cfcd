package helm_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/entrypoints/app"
)

// installed is the chart in a cluster.
type installed struct {
	helm
	cluster *local.Cluster
	events  string // the file that the receiver writes
}

// values route the tests' own events: kube-apiserver writes some too, of a Service whose address it repairs.
func (i installed) values(more string) string {
	return fmt.Sprintf("config: {omitLookup: true, route: {match: [{namespace: ^(shop|later)$, receiver: a}]}, receivers: [{name: a, file: {path: %q}}]}\n%s", i.events, more)
}

func (i installed) do(t *testing.T, action string, values string, flags ...string) {
	t.Helper()
	args := append([]string{action, release, chart, "--namespace", namespace, "--values", valuesFile(t, i.values(values))}, flags...)
	_, err := i.run(t, args...)
	require.NoError(t, err)
}

func (i installed) get(t *testing.T, path string) (o object, there bool) {
	t.Helper()
	err := i.cluster.Client().Get(t.Context(), path, &o)
	if kube.Is(err, http.StatusNotFound) {
		return nil, false
	}
	require.NoError(t, err)
	return o, true
}

const checkpointPath = "/api/v1/namespaces/" + namespace + "/configmaps/packetboat"

// cursor is what the checkpoint holds.
func (i installed) cursor(t *testing.T) string {
	t.Helper()
	checkpoint, there := i.get(t, checkpointPath)
	require.True(t, there)
	data, _ := checkpoint["data"].(map[string]any)
	text, _ := data["checkpoint.json"].(string)
	return text
}

// options are those of a pod of the release: its configuration, and a token of
// its service account.
func (i installed) options(t *testing.T) app.Options {
	t.Helper()
	dir := t.TempDir()
	secret, there := i.get(t, "/api/v1/namespaces/"+namespace+"/secrets/packetboat-config")
	require.True(t, there)
	text, err := base64.StdEncoding.DecodeString(secret.at(t, "data", "config.yaml").(string))
	require.NoError(t, err)
	file := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o600))

	return app.Options{ConfigFile: file, Strict: true, Kubeconfig: i.kubeconfigOf(t, release), Stdout: io.Discard}
}

// kubeconfigOf is a kubeconfig with a token of this service account.
func (i installed) kubeconfigOf(t *testing.T, account string) (file string) {
	t.Helper()
	answer, err := i.cluster.Client().Do(t.Context(), http.MethodPost, "/api/v1/namespaces/"+namespace+"/serviceaccounts/"+account+"/token",
		kube.JSON, []byte(`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}`))
	require.NoError(t, err)
	var token struct{ Status struct{ Token string } }
	require.NoError(t, json.Unmarshal(answer, &token))
	config, err := clientcmd.LoadFromFile(i.cluster.Kubeconfig(local.Admin))
	require.NoError(t, err)
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &api.AuthInfo{Token: token.Status.Token}
	}
	file = filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*config, file))
	return file
}

// deliver makes a run as a pod of the release would, and counts what arrived.
func (i installed) deliver(t *testing.T) (events int) {
	t.Helper()
	var said strings.Builder
	options := i.options(t)
	options.Stderr = &said
	a, err := app.New(t.Context(), options)
	require.NoError(t, err)
	report, err := a.Run(t.Context(), app.RunOptions{Deadline: time.Minute})
	require.NoError(t, err, said.String())
	require.True(t, report.CaughtUp)
	for _, lacking := range []string{"forbidden", "cannot read", "no marker"} {
		assert.NotContains(t, said.String(), lacking)
	}
	return int(report.Receivers["a"].Delivered)
}

// dryRun is what `helm test` does, before the first run too.
func (i installed) dryRun(t *testing.T) {
	t.Helper()
	options := i.options(t)
	options.Stderr = io.Discard
	a, err := app.New(t.Context(), options)
	require.NoError(t, err)
	report, err := a.Run(t.Context(), app.RunOptions{DryRun: true, Deadline: time.Minute})
	require.NoError(t, err)
	require.True(t, report.CaughtUp)
}

func install(t *testing.T, binary, values string) installed {
	t.Helper()
	cluster := localtest.Start(t, local.Options{})
	i := installed{helm: newHelm(t, binary), cluster: cluster, events: filepath.Join(t.TempDir(), "events.json")}
	i.kubeconfig = cluster.Kubeconfig(local.Admin)
	require.NoError(t, load.Namespace(t.Context(), cluster.Client(), namespace))
	t.Setenv("POD_NAMESPACE", namespace)
	i.do(t, "install", values)
	require.NoError(t, i.cluster.Client().AwaitRights(t.Context()))
	return i
}

// TestTheCheckpointSurvives an upgrade, a rollback, a change of mode, an
// uninstall and the next install: no event is delivered twice, and none is
// missed. The rights are those of the chart and no other.
func TestTheCheckpointSurvives(t *testing.T) {
	helm4, helm3 := peers.Helm(t)
	for name, binary := range map[string]string{"helm 4": helm4, "helm 3": helm3} {
		if binary == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			i := install(t, binary, "")
			assert.Empty(t, i.cursor(t))
			i.dryRun(t)
			localtest.WriteEvents(t, i.cluster, "shop", 3)
			assert.Equal(t, 3, i.deliver(t))
			before := i.cursor(t)
			require.NotEmpty(t, before)

			i.do(t, "upgrade", "labels: {team: platform}\ncronjob: {deadlineSeconds: 60}")
			assert.Equal(t, before, i.cursor(t), "after an upgrade")
			checkpoint, _ := i.get(t, checkpointPath)
			assert.Equal(t, "platform", checkpoint.at(t, "metadata", "labels", "team"), "the upgrade did reach the ConfigMap")
			i.do(t, "upgrade", "mode: watch")
			assert.Equal(t, before, i.cursor(t), "after a change of mode")
			_, err := i.run(t, "rollback", release, "1", "--namespace", namespace)
			require.NoError(t, err)
			assert.Equal(t, before, i.cursor(t), "after a rollback")
			assert.Equal(t, 0, i.deliver(t))

			_, err = i.run(t, "uninstall", release, "--namespace", namespace)
			require.NoError(t, err)
			_, there := i.get(t, "/apis/batch/v1/namespaces/"+namespace+"/cronjobs/packetboat")
			assert.False(t, there, "the uninstall did happen")
			require.NoError(t, i.cluster.Client().AwaitRights(t.Context()))
			localtest.WriteEvents(t, i.cluster, "later", 2)
			i.do(t, "install", "")
			require.NoError(t, i.cluster.Client().AwaitRights(t.Context()))
			assert.Equal(t, 2, i.deliver(t), "what came meanwhile, and nothing again")
		})
	}
}

// TestReplacingIsNotUpgrading: what the README warns of is so, and is no loss for
// machines: what the cluster retains is sent again.
func TestReplacingIsNotUpgrading(t *testing.T) {
	helm4, _ := peers.Helm(t)
	if helm4 == "" {
		return
	}
	i := install(t, helm4, "")
	localtest.WriteEvents(t, i.cluster, "shop", 3)
	assert.Equal(t, 3, i.deliver(t))
	i.do(t, "upgrade", "labels: {team: platform}", "--server-side=false", "--force-replace")
	assert.Empty(t, i.cursor(t))
	assert.Equal(t, 3, i.deliver(t))
}

// TestWatchIsElected with the Lease that the chart has made and rights on it alone.
func TestWatchIsElected(t *testing.T) {
	helm4, _ := peers.Helm(t)
	if helm4 == "" {
		return
	}
	i := install(t, helm4, "mode: watch")
	localtest.WriteEvents(t, i.cluster, "shop", 3)
	options := i.options(t)
	text := watch(t, options)
	for _, lacking := range []string{"forbidden", "cannot read", "no marker", "out of reach", "IN MEMORY"} {
		assert.NotContains(t, text, lacking)
	}
	assert.Equal(t, 3, strings.Count(read(t, i.events), "\n"))
	lease, there := i.get(t, "/apis/coordination.k8s.io/v1/namespaces/"+namespace+"/leases/packetboat")
	require.True(t, there)
	assert.Positive(t, lease.at(t, "spec", "leaseTransitions"), "it was held: %v", lease)
	i.do(t, "upgrade", "mode: watch\nlabels: {team: platform}")
	after, _ := i.get(t, "/apis/coordination.k8s.io/v1/namespaces/"+namespace+"/leases/packetboat")
	assert.Equal(t, lease["spec"], after["spec"], "an upgrade leaves the leader alone")
}

// readUntil reads a log to its end, and closes stop at this text.
func readUntil(t *testing.T, log io.Reader, text string, stop chan<- struct{}) string {
	t.Helper()
	var all strings.Builder
	buffer := make([]byte, 4096)
	for stopped := false; ; {
		n, err := log.Read(buffer)
		all.Write(buffer[:n])
		if !stopped && strings.Contains(all.String(), text) {
			close(stop)
			stopped = true
		}
		if err != nil {
			return all.String()
		}
	}
}
