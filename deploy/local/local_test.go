package local_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/deploy/local/localtest"
)

const shopEvents = "/api/v1/namespaces/shop/events"

type eventList struct {
	Items []struct {
		Metadata struct {
			UID             string `json:"uid"`
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	} `json:"items"`
}

func TestClusterKeepsEvents(t *testing.T) {
	cluster := localtest.Start(t, local.Options{AuditLog: true})
	written := localtest.WriteEvents(t, cluster, "shop", 40)
	updated := localtest.UpdateEvents(t, cluster, written[:10])

	want := map[string]string{}
	for _, ev := range append(written, updated...) {
		want[ev.UID] = ev.ResourceVersion
	}
	assert.Equal(t, want, versions(t, cluster))
	assert.Len(t, want, 40)
	assert.EqualValues(t, 2, updated[0].Count)

	audit, err := os.ReadFile(cluster.AuditLog())
	require.NoError(t, err)
	assert.Contains(t, string(audit), `"verb":"list"`)
}

func TestUsersMayDoNothingUnasked(t *testing.T) {
	cluster := localtest.Start(t, local.Options{})
	for _, user := range []local.User{local.Packetboat, local.Viewer, local.Nobody} {
		client, err := kube.FromFile(cluster.Kubeconfig(user))
		require.NoError(t, err)
		_, err = client.Do(t.Context(), http.MethodGet, "/api/v1/events", kube.JSON, nil)
		assert.True(t, kube.Is(err, http.StatusForbidden), "%s: %v", user, err)
		assert.ErrorContains(t, err, string(user))
	}
}

// A right is in force when the write of it returns, and so is its end. Others may
// write rights at the same time.
func TestRightsAreInForceOnceWritten(t *testing.T) {
	cluster := localtest.Start(t, local.Options{})
	for i := range 3 {
		t.Run(fmt.Sprint("user", i), func(t *testing.T) {
			t.Parallel()
			testRights(t, cluster, fmt.Sprintf("reader%d", i))
		})
	}
}

func testRights(t *testing.T, cluster *local.Cluster, role string) {
	user, err := kube.FromFile(cluster.Kubeconfig(local.Nobody))
	require.NoError(t, err)
	const group = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/"
	binding := map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": map[string]any{"name": role},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
		"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": string(local.Nobody)}},
	}
	require.NoError(t, cluster.Client().Apply(t.Context(), group+"rolebindings/"+role, binding))
	for i := range 20 {
		granted, before := fmt.Sprintf("%s-%d", role, i), fmt.Sprintf("%s-%d", role, i-1)
		require.NoError(t, cluster.Client().Apply(t.Context(), group+"roles/"+role, map[string]any{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": map[string]any{"name": role},
			"rules": []any{map[string]any{"apiGroups": []string{""}, "resources": []string{"configmaps"}, "resourceNames": []string{granted}, "verbs": []string{"get"}}},
		}))
		for name, code := range map[string]int{granted: http.StatusNotFound, before: http.StatusForbidden} {
			var configMap any
			err := user.Get(t.Context(), "/api/v1/namespaces/default/configmaps/"+name, &configMap)
			require.True(t, kube.Is(err, code), "%s: want %d: %v", name, code, err)
		}
	}
}

func TestServersComeBackWithTheirData(t *testing.T) {
	cluster := localtest.Start(t, local.Options{})
	localtest.WriteEvents(t, cluster, "shop", 5)
	before := versions(t, cluster)

	cluster.KillServer(local.APIServer)
	_, err := cluster.Client().Do(t.Context(), http.MethodGet, shopEvents, kube.JSON, nil)
	require.Error(t, err)
	cluster.KillServer(local.Etcd)
	require.NoError(t, cluster.StartServer(t.Context(), local.Etcd))
	require.NoError(t, cluster.StartServer(t.Context(), local.APIServer))
	require.ErrorContains(t, cluster.StartServer(t.Context(), local.APIServer), "runs already")
	assert.Equal(t, before, versions(t, cluster))
}

func TestRestoreRewritesHistory(t *testing.T) {
	cluster := localtest.Start(t, local.Options{})
	localtest.WriteEvents(t, cluster, "shop", 3)
	then := versions(t, cluster)
	snapshot := filepath.Join(t.TempDir(), "etcd.snapshot")
	require.NoError(t, cluster.Snapshot(t.Context(), snapshot))
	_, err := load.Create(t.Context(), cluster.Client(), "shop", 2)
	require.NoError(t, err)
	require.Len(t, versions(t, cluster), 5)

	require.NoError(t, cluster.Restore(t.Context(), snapshot))
	assert.Equal(t, then, versions(t, cluster))
}

func TestStartFailsWithTheServersOwnWords(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "etcd"), []byte("not a directory"), 0o644))
	_, err := local.Start(t.Context(), local.Options{Binary: localtest.Binary(t), Dir: dir})
	require.ErrorContains(t, err, "etcd ended (exit status 1); its last lines:")
	assert.ErrorContains(t, err, "not a directory")
}

// versions returns the resourceVersion of each event in the namespace by its UID.
func versions(t *testing.T, cluster *local.Cluster) map[string]string {
	t.Helper()
	var list eventList
	require.NoError(t, cluster.Client().Get(t.Context(), shopEvents, &list))
	found := map[string]string{}
	for _, ev := range list.Items {
		found[ev.Metadata.UID] = ev.Metadata.ResourceVersion
	}
	return found
}
