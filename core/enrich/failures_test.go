package enrich_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/packetboat/packetboat/core/enrich"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/localtest"
)

// status is an answer as the API server writes it.
func status(code int, reason string) *http.Response {
	resp := text(code)
	resp.Header.Set("Content-Type", kube.JSON)
	resp.Body = io.NopCloser(strings.NewReader(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"said ` + reason + `","reason":"` + reason + `"}`))
	return resp
}

func TestFailures(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	refs := pods(t, c, "shop", 1, 6)
	ref, six := refs[0], about(refs...)
	const budget = 300 * time.Millisecond

	t.Run("a failing server leaves the page owed, and the next call repairs it", func(t *testing.T) {
		var failing atomic.Bool
		w := open(t, c, local.Admin, enrich.Options{Budget: budget}, func(*http.Request) *http.Response {
			if failing.Load() {
				return text(http.StatusServiceUnavailable)
			}
			return nil
		})
		failing.Store(true)
		events := about(ref)
		require.ErrorContains(t, w.Enrich(t.Context(), events), "get pods in namespace shop-0 pod-0000: ")
		require.ErrorContains(t, w.Enrich(t.Context(), six), "list pods in namespace shop-0: ")
		assert.False(t, events[0].InvolvedObject.Deleted)
		assert.Greater(t, w.outcomes["get 503"], 1, "it was asked again")
		assert.Zero(t, w.outcomes["ready 200"]+w.outcomes["ready 503"], "no reason excuses the API server's own kinds")
		assert.Equal(t, map[string]int{"found": 0, "gone": 0, "forbidden": 0, "failed": 7}, w.ended(t))
		failing.Store(false)
		assert.Equal(t, "pod-0000", w.enriched(t, ref).Labels["pod"])
	})
	for name, instead := range map[string]answer{
		"the token is not accepted":          func(*http.Request) *http.Response { return status(http.StatusUnauthorized, "Unauthorized") },
		"a wait longer than the budget":      func(*http.Request) *http.Response { return text(http.StatusTooManyRequests, "Retry-After", "3600") },
		"an answer that is none":             func(*http.Request) *http.Response { return text(http.StatusOK) },
		"a proxy that knows nothing":         func(*http.Request) *http.Response { return text(http.StatusNotFound) },
		"forbidden by a server not yet well": notReady(http.StatusForbidden, "Forbidden"),
		"not served by one not yet well":     notReady(http.StatusNotFound, ""),
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, c, local.Admin, enrich.Options{Budget: budget}, instead)
			require.Error(t, w.Enrich(t.Context(), about(ref)))
			require.Error(t, w.Enrich(t.Context(), about(ref)), "it stays owed")
			assert.Empty(t, w.log.String())
			if name == "a wait longer than the budget" {
				assert.Len(t, w.asked(), 2, "the server said when to come again")
			}
		})
	}
	t.Run("a server that was starting is asked again", func(t *testing.T) {
		var first atomic.Bool
		w := open(t, c, local.Admin, enrich.Options{Budget: budget}, func(*http.Request) *http.Response {
			if first.CompareAndSwap(false, true) {
				return status(http.StatusForbidden, "Forbidden")
			}
			return nil
		})
		assert.Equal(t, "pod-0000", w.enriched(t, ref).Labels["pod"])
	})
	t.Run("forbidden is said once per kind, and not asked again for a while", func(t *testing.T) {
		now := time.Now()
		w := open(t, c, local.Nobody, enrich.Options{Now: func() time.Time { return now }, CacheTTL: time.Hour}, nil)
		for range 3 {
			events := about(append(refs, reference("Pod", "default", "x", otherUID), reference("Node", "", "x", otherUID))...)
			require.NoError(t, w.Enrich(t.Context(), events))
			for _, ev := range events {
				assert.False(t, ev.InvolvedObject.Deleted)
				assert.Empty(t, ev.InvolvedObject.Labels)
			}
		}
		assert.Equal(t, map[string]int{"list 403": 2, "get 403": 2, "ready 200": 1}, w.outcomes)
		assert.Equal(t, map[string]int{"found": 0, "gone": 0, "forbidden": 24, "failed": 0}, w.ended(t))
		assert.Equal(t, 2, strings.Count(w.log.String(), "level=WARN"), w.log.String())
		assert.Contains(t, w.log.String(), `grant get and list, or leave the kind out of enrich.kinds" resource=pods`)
		now = now.Add(2 * time.Hour)
		require.NoError(t, w.Enrich(t.Context(), about(ref)))
		assert.Equal(t, 4, w.outcomes["get 403"])
	})
	t.Run("a built-in kind that this server does not have", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{}, func(req *http.Request) *http.Response {
			if strings.HasPrefix(req.URL.Path, "/apis/autoscaling/v2/") {
				return text(http.StatusNotFound)
			}
			return nil
		})
		scaler := corev1.ObjectReference{APIVersion: "autoscaling/v1", Kind: "HorizontalPodAutoscaler", Namespace: "shop-0", Name: "x"}
		assert.False(t, w.enriched(t, scaler).Deleted, "nobody said so")
		w.asked()
		w.enriched(t, scaler)
		assert.Empty(t, w.asked())
	})
	t.Run("what is remembered is not for ever", func(t *testing.T) {
		now := time.Now()
		w := open(t, c, local.Admin, enrich.Options{Now: func() time.Time { return now }}, nil)
		byName := corev1.ObjectReference{Kind: "Pod", Namespace: "shop-0", Name: "pod-0001"}
		require.NoError(t, w.Enrich(t.Context(), about(ref, byName)))
		w.asked()
		now = now.Add(2 * time.Minute)
		require.NoError(t, w.Enrich(t.Context(), about(ref, byName)))
		assert.Equal(t, []string{"/api/v1/namespaces/shop-0/pods/pod-0001"}, w.asked(), "a name may be given to another object")
		now = now.Add(9 * time.Minute)
		require.NoError(t, w.Enrich(t.Context(), about(ref)))
		assert.Len(t, w.asked(), 1)
	})
}

// notReady is a server that answers all questions so, and is not well.
func notReady(code int, reason string) answer {
	return func(req *http.Request) *http.Response {
		switch {
		case req.URL.Path == "/readyz":
			return text(http.StatusInternalServerError)
		case reason == "":
			return text(code)
		}
		return status(code, reason)
	}
}

func TestOtherAPIs(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	// Nothing is behind this one, for good.
	create(t, c, "/apis/apiregistration.k8s.io/v1/apiservices", map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": "v1.broken.example.com"},
		"spec": map[string]any{
			"group": "broken.example.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
			"insecureSkipTLSVerify": true, "service": map[string]any{"namespace": "default", "name": "nowhere"},
		},
	})
	create(t, c, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "ships.example.com"},
		"spec": map[string]any{
			"group": "example.com", "scope": "Namespaced", "names": map[string]any{"plural": "ships", "kind": "Ship"},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
			}},
		},
	})
	var ship metav1.ObjectMeta
	require.Eventually(t, func() bool {
		var err error
		ship, err = post(t.Context(), c, "/apis/example.com/v1/namespaces/default/ships", map[string]any{
			"apiVersion": "example.com/v1", "kind": "Ship", "metadata": map[string]any{"name": "one", "labels": map[string]any{"app": "ship"}},
		})
		_, broken := c.Client().Do(t.Context(), http.MethodGet, "/apis/broken.example.com/v1", kube.JSON, nil)
		return err == nil && kube.Is(broken, http.StatusServiceUnavailable)
	}, time.Minute, 100*time.Millisecond)

	custom := func(apiVersion, kind, name string) corev1.ObjectReference {
		return corev1.ObjectReference{APIVersion: apiVersion, Kind: kind, Namespace: "default", Name: name}
	}
	one, broken := custom("example.com/v1", "Ship", "one"), custom("broken.example.com/v1", "Wreck", "x")

	t.Run("one that is broken does not stop the others (D-W5)", func(t *testing.T) {
		now := time.Now()
		w := open(t, c, local.Admin, enrich.Options{Budget: time.Second, Now: func() time.Time { return now }}, nil)
		events := about(broken, one, custom("example.com/v1", "Ship", "none"), custom("none.example.com/v1", "Thing", "x"),
			corev1.ObjectReference{Kind: "Namespace", Name: "default"})
		require.NoError(t, w.Enrich(t.Context(), events))
		assert.False(t, events[0].InvolvedObject.Deleted)
		assert.Equal(t, "ship", events[1].InvolvedObject.Labels["app"])
		assert.True(t, events[2].InvolvedObject.Deleted)
		assert.False(t, events[3].InvolvedObject.Deleted, "a kind that nobody knows")
		assert.NotEmpty(t, events[4].InvolvedObject.Labels)
		assert.Equal(t, 1, strings.Count(w.log.String(), "level=WARN"), w.log.String())
		assert.Contains(t, w.log.String(), "api=broken.example.com/v1")

		w.asked()
		require.NoError(t, w.Enrich(t.Context(), about(broken, one, custom("none.example.com/v1", "Thing", "x"))))
		assert.Empty(t, w.asked())
		now = now.Add(2 * time.Minute)
		require.NoError(t, w.Enrich(t.Context(), about(broken)))
		assert.Contains(t, w.asked(), "/apis/broken.example.com/v1", "it may have been repaired")
		assert.Equal(t, 1, strings.Count(w.log.String(), "level=WARN"))
	})
	t.Run("a UID of another time", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{}, nil)
		ref := one
		ref.UID = ship.UID
		assert.Equal(t, "ship", w.enriched(t, ref).Labels["app"])
		ref.UID = otherUID
		assert.True(t, w.enriched(t, ref).Deleted)
		assert.Len(t, w.asked(), 3, "discovered once, asked for twice")
	})
	// Discovery works, what is behind it does not: a conversion webhook, an aggregated server that hangs.
	objects := func(resp func() *http.Response, ready int) answer {
		return func(req *http.Request) *http.Response {
			switch {
			case req.URL.Path == "/readyz":
				return text(ready)
			case strings.Contains(req.URL.Path, "/ships"):
				return resp()
			}
			return nil
		}
	}
	refuse := func() *http.Response { return status(http.StatusInternalServerError, "InternalError") }
	t.Run("objects that cannot be read", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{Budget: 300 * time.Millisecond}, objects(refuse, http.StatusOK))
		o := w.enriched(t, one)
		assert.False(t, o.Deleted)
		assert.Empty(t, o.Labels)
		assert.Contains(t, w.log.String(), "api=example.com/v1")
		w.asked()
		w.enriched(t, one)
		assert.Empty(t, w.asked(), "for a minute it is left alone")
	})
	t.Run("unless the server itself is not well", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{Budget: 300 * time.Millisecond}, objects(refuse, http.StatusInternalServerError))
		require.ErrorContains(t, w.Enrich(t.Context(), about(one)), "ask the API server whether it is ready")
		assert.Empty(t, w.log.String())
	})
	t.Run("or has too much to do", func(t *testing.T) {
		busy := func() *http.Response { return text(http.StatusTooManyRequests) }
		w := open(t, c, local.Admin, enrich.Options{Budget: 300 * time.Millisecond}, objects(busy, http.StatusOK))
		require.Error(t, w.Enrich(t.Context(), about(one)))
	})
	t.Run("an API that sends whole objects only", func(t *testing.T) {
		whole := func() *http.Response {
			resp := text(http.StatusOK, "Content-Type", kube.JSON)
			resp.Body = io.NopCloser(strings.NewReader(
				`{"apiVersion":"example.com/v1","kind":"Ship","metadata":{"name":"one","labels":{"app":"whole"}},"spec":{"sails":3}}`))
			return resp
		}
		w := open(t, c, local.Admin, enrich.Options{}, objects(whole, http.StatusOK))
		assert.Equal(t, "whole", w.enriched(t, one).Labels["app"])
	})
	t.Run("built-in kinds are as the server has them", func(t *testing.T) {
		builtInKindsAreServed(t, c)
	})
}

// builtInKindsAreServed asks the server for each kind of the table, by what its
// own discovery says.
func builtInKindsAreServed(t *testing.T, c *local.Cluster) {
	table := enrich.BuiltIn()
	require.Greater(t, len(table), 40)
	served := map[schema.GroupVersion]map[string]metav1.APIResource{}
	for kind, r := range table {
		version := r.GroupVersion()
		if served[version] == nil {
			path := "/apis/" + version.String()
			if version.Group == "" {
				path = "/api/" + version.Version
			}
			var list metav1.APIResourceList
			require.NoError(t, c.Client().Get(t.Context(), path, &list))
			served[version] = map[string]metav1.APIResource{}
			for _, resource := range list.APIResources {
				if !strings.Contains(resource.Name, "/") {
					served[version][resource.Kind] = resource
				}
			}
		}
		assert.Equal(t, served[version][kind.Kind].Name, r.Resource, kind)
		assert.Equal(t, served[version][kind.Kind].Namespaced, r.Namespaced, kind)
	}
}
