package configmap_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/state"
)

// namespaceTerminating answers 403 too, but no right would help.
func namespaceTerminating(t *testing.T, cluster *local.Cluster, admin rest.Interface) {
	client := cluster.Client()
	_, err := client.Do(t.Context(), http.MethodPost, "/api/v1/namespaces", kube.JSON,
		[]byte(`{"metadata": {"name": "ending"}, "spec": {"finalizers": ["kubernetes"]}}`))
	require.NoError(t, err)
	_, err = client.Do(t.Context(), http.MethodDelete, "/api/v1/namespaces/ending", kube.JSON, nil)
	require.NoError(t, err)
	_, err = open(t, admin, "ending", "checkpoint").Commit(t.Context(), state.Checkpoint{}, "")
	require.ErrorContains(t, err, "create: namespace ending is being deleted")
	require.NotContains(t, err.Error(), "needs get")
}

// rights: a missing one is named with verb, resource, name and namespace.
func rights(t *testing.T, cluster *local.Cluster, config *rest.Config) {
	admin := connect(t, config, plain, nil)
	createConfigMap(t, admin, named("guarded"))
	config = rest.CopyConfig(config)
	config.BearerToken = cluster.Token(local.Nobody)
	store := open(t, connect(t, config, plain, nil), namespace, "guarded")

	const needs = "this needs get, create and patch on configmaps guarded in namespace default"
	_, _, err := store.Load(t.Context())
	require.ErrorContains(t, err, "load checkpoint from ConfigMap default/guarded: get: "+needs)
	require.NotErrorIs(t, err, state.ErrNotFound)
	_, err = store.Commit(t.Context(), state.Checkpoint{}, "")
	require.ErrorContains(t, err, "create: "+needs)
	require.NotErrorIs(t, err, state.ErrConflict)
	_, err = store.Commit(t.Context(), state.Checkpoint{}, state.Token(getConfigMap(t, admin, namespace, "guarded").ResourceVersion))
	require.ErrorContains(t, err, "patch: "+needs)
	require.NotErrorIs(t, err, state.ErrConflict)
}

func roleOfReadme(t *testing.T, cluster *local.Cluster, config *rest.Config) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(readme), "```yaml\napiVersion: rbac.authorization.k8s.io/v1\n")
	require.True(t, found, "the README has no Role")
	block, _, _ := strings.Cut("apiVersion: rbac.authorization.k8s.io/v1\n"+after, "```")
	client := cluster.Client()
	_, err = client.Do(t.Context(), http.MethodPost, "/api/v1/namespaces", kube.JSON, []byte(`{"metadata": {"name": "monitoring"}}`))
	require.NoError(t, err)
	for _, document := range strings.Split(block, "---\n") {
		kind := "roles"
		if strings.Contains(document, "kind: RoleBinding") {
			kind = "rolebindings"
		}
		_, err := client.Do(t.Context(), http.MethodPost,
			"/apis/rbac.authorization.k8s.io/v1/namespaces/monitoring/"+kind, "application/yaml", []byte(document))
		require.NoError(t, err)
	}
	config = rest.CopyConfig(config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:monitoring:packetboat"}
	user := connect(t, config, protobuf, nil)
	store := open(t, user, "monitoring", "packetboat-checkpoint")

	_, token, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	for revision := range int64(2) {
		token, err = store.Commit(t.Context(), state.Checkpoint{Revision: revision}, token)
		require.NoError(t, err)
	}
	_, _, err = store.Load(t.Context())
	require.NoError(t, err)

	_, _, err = open(t, user, "monitoring", "of-somebody-else").Load(t.Context())
	require.ErrorContains(t, err, "needs get, create and patch")
	_, _, err = open(t, user, namespace, "packetboat-checkpoint").Load(t.Context())
	require.ErrorContains(t, err, "needs get, create and patch")
	err = user.Delete().Namespace("monitoring").Resource("configmaps").Name("packetboat-checkpoint").Do(t.Context()).Error()
	require.ErrorContains(t, err, "cannot delete resource")
}

func expiredToken(t *testing.T, config *rest.Config) {
	config = rest.CopyConfig(config)
	config.BearerToken = "expired-4711"
	_, _, err := open(t, connect(t, config, plain, nil), namespace, "c").Load(t.Context())
	require.ErrorContains(t, err, "Unauthorized")
	require.NotErrorIs(t, err, state.ErrNotFound)
	require.NotContains(t, err.Error(), "4711")
}

// oneAttempt: client-go would wait and try again up to ten times on an answer
// with Retry-After, behind the back of the one retry loop.
func oneAttempt(t *testing.T, config *rest.Config) {
	var requests atomic.Int32
	client := connect(t, config, plain, func(http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			requests.Add(1)
			answer := httptest.NewRecorder()
			answer.Header().Set("Retry-After", "0")
			answer.WriteHeader(http.StatusTooManyRequests)
			return answer.Result(), nil
		})
	})
	store := open(t, client, namespace, "c")
	_, _, err := store.Load(t.Context())
	require.Error(t, err)
	require.NotErrorIs(t, err, state.ErrNotFound)
	require.EqualValues(t, 1, requests.Load())
	for attempt, token := range []state.Token{"", "5"} {
		_, err = store.Commit(t.Context(), state.Checkpoint{}, token)
		require.Error(t, err)
		require.NotErrorIs(t, err, state.ErrConflict)
		require.EqualValues(t, attempt+2, requests.Load())
	}
}

func TestA404OfAProxyIsNoFirstRun(t *testing.T) {
	proxy := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(proxy.Close)
	store := open(t, connect(t, &rest.Config{Host: proxy.URL}, plain, nil), namespace, "c")
	_, _, err := store.Load(t.Context())
	require.Error(t, err)
	require.NotErrorIs(t, err, state.ErrNotFound)
	for _, token := range []state.Token{"", "5"} {
		_, err = store.Commit(t.Context(), state.Checkpoint{}, token)
		require.Error(t, err)
		require.NotErrorIs(t, err, state.ErrConflict)
		require.NotContains(t, err.Error(), "namespace default does not exist")
	}
}

func TestAnUnreachableServerIsNoFirstRunAndItsURLIsNotPrinted(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	store := open(t, connect(t, &rest.Config{Host: server.URL}, plain, nil), namespace, "c")
	_, _, err := store.Load(t.Context())
	require.ErrorContains(t, err, "load checkpoint from ConfigMap default/c: get: ")
	require.NotErrorIs(t, err, state.ErrNotFound)
	require.NotContains(t, err.Error(), "http:")
	_, err = store.Commit(t.Context(), state.Checkpoint{}, "")
	require.ErrorContains(t, err, "commit checkpoint to ConfigMap default/c: create: ")
	require.NotContains(t, err.Error(), "http:")
}
