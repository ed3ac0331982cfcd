package enrich_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/enrich"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/render"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/localtest"
)

const otherUID = types.UID("11111111-2222-4333-8444-555555555555")

// TestThreeThousandPods is what the criterion of 20 requests says.
func TestThreeThousandPods(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	refs := pods(t, c, "shop", 10, 300)
	w := open(t, c, local.Admin, enrich.Options{}, nil)
	right := 0
	for page := range 10 {
		events := make([]*event.Event, 1000)
		for i := range events {
			// Every page is about pods of all namespaces, and about some that no page was about before.
			events[i] = about(refs[(page*311+i*7)%len(refs)])[0]
		}
		require.NoError(t, w.Enrich(t.Context(), events))
		for _, ev := range events {
			require.Equal(t, map[string]string{"pod": ev.InvolvedObject.Name}, ev.InvolvedObject.Labels)
			right++
		}
	}
	assert.Equal(t, 10_000, right)
	assert.LessOrEqual(t, w.Requests(), int64(20))
	assert.Equal(t, w.outcomes["list 200"], int(w.Requests()))
	assert.InDelta(t, w.Requests(), testutil.ToFloat64(w.metrics.Enrich.Requests), 0)
	assert.Positive(t, testutil.ToFloat64(w.metrics.Enrich.Misses))
	assert.Greater(t, testutil.ToFloat64(w.metrics.Enrich.Hits), 6_000.0)
	t.Logf("%d requests, %d bytes: %v", w.Requests(), w.Bytes(), w.outcomes)

	t.Run("a page with more objects than the cache holds", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{CacheSize: 10}, nil)
		for range 2 {
			events := about(refs[:1000]...)
			require.NoError(t, w.Enrich(t.Context(), events))
			for _, ev := range events {
				require.Equal(t, map[string]string{"pod": ev.InvolvedObject.Name}, ev.InvolvedObject.Labels)
			}
		}
	})
	t.Run("two readers at a time", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{CacheSize: 500}, nil)
		done := make(chan error)
		for reader := range 2 {
			go func() {
				var failed error
				for page := range 5 {
					events := about(refs[page*100+reader*50 : page*100+reader*50+400]...)
					if err := w.Enrich(t.Context(), events); err != nil {
						failed = err
					}
					for _, ev := range events {
						if ev.InvolvedObject.Labels["pod"] != ev.InvolvedObject.Name {
							failed = fmt.Errorf("%s has %v", ev.InvolvedObject.Name, ev.InvolvedObject.Labels)
						}
					}
				}
				done <- failed
			}()
		}
		assert.NoError(t, <-done)
		assert.NoError(t, <-done)
	})
	t.Run("few of a namespace are asked for one by one", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{}, nil)
		require.NoError(t, w.Enrich(t.Context(), about(refs[0], refs[10], refs[1], refs[2])))
		assert.ElementsMatch(t, []string{
			"/api/v1/namespaces/shop-0/pods/pod-0000", "/api/v1/namespaces/shop-0/pods/pod-0001",
			"/api/v1/namespaces/shop-1/pods/pod-0000", "/api/v1/namespaces/shop-2/pods/pod-0000",
		}, w.asked())
	})
	crowd := pods(t, c, "crowd", 1, 280)
	t.Run("a list that would be long for few objects is left", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{}, nil)
		last := about(crowd[275:280]...)
		require.NoError(t, w.Enrich(t.Context(), last))
		for _, ev := range last {
			assert.Equal(t, map[string]string{"pod": ev.InvolvedObject.Name}, ev.InvolvedObject.Labels)
		}
		assert.Equal(t, map[string]int{"list 200": 2}, w.outcomes, "130 more after 150, for five objects: the list is cheaper")
		w = open(t, c, local.Admin, enrich.Options{}, nil)
		require.NoError(t, w.Enrich(t.Context(), about(crowd[276:280]...)))
		assert.Equal(t, map[string]int{"list 200": 1, "get 200": 4}, w.outcomes, "160 more after 120, for four objects: they are asked for")
	})
	t.Run("a list whose version expires on the way", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{}, func(req *http.Request) *http.Response {
			if req.URL.Query().Get("continue") == "" {
				return nil
			}
			return status(http.StatusGone, "Expired")
		})
		events := about(append(crowd[275:280:280], crowd[0], reference("Pod", "crowd-0", "none", otherUID))...)
		require.NoError(t, w.Enrich(t.Context(), events))
		for _, ev := range events[:6] {
			assert.Equal(t, map[string]string{"pod": ev.InvolvedObject.Name}, ev.InvolvedObject.Labels)
		}
		assert.True(t, events[6].InvolvedObject.Deleted)
		assert.Equal(t, map[string]int{"list 200": 1, "list 410": 1, "get 200": 5, "get 404": 1}, w.outcomes,
			"what is not in half a list may exist")
	})
}

func TestWhatIsKnownOfAnObject(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	namespace(t, c, "shop")
	const path = "/api/v1/namespaces/shop/pods"
	owned := create(t, c, path, pod("owned", map[string]any{
		"labels": map[string]any{"app": "shop"}, "annotations": map[string]any{"note": "x"},
		"ownerReferences": []any{map[string]any{"apiVersion": "v1", "kind": "Pod", "name": "owner", "uid": string(otherUID)}},
	}))
	dying := create(t, c, path, pod("dying", map[string]any{
		"labels": map[string]any{"app": "dying"}, "finalizers": []any{"example.com/wait"},
	}))
	_, err := c.Client().Do(t.Context(), http.MethodDelete, path+"/dying", kube.JSON, nil)
	require.NoError(t, err)

	ask := func(t *testing.T, w *world, others ...corev1.ObjectReference) {
		at := func(i int) corev1.ObjectReference {
			return []corev1.ObjectReference{
				reference("Pod", "shop", "owned", owned.UID), reference("Pod", "shop", "dying", dying.UID),
				reference("Pod", "shop", "owned", otherUID), reference("Pod", "shop", "none", otherUID),
				{Kind: "Pod", Namespace: "shop", Name: "owned"},
				{Kind: "Namespace", Name: "shop"},
				{Kind: "Node", Name: "none", UID: "none"},
			}[i]
		}
		events := about(append(others, at(0), at(1), at(2), at(3), at(4), at(5), at(6))...)[len(others):]
		all := append(about(others...), events...)
		require.NoError(t, w.Enrich(t.Context(), all))
		o := func(i int) event.InvolvedObject { return events[i].InvolvedObject }

		assert.Equal(t, map[string]string{"app": "shop"}, o(0).Labels)
		assert.Equal(t, map[string]string{"note": "x"}, o(0).Annotations)
		require.Len(t, o(0).OwnerReferences, 1)
		assert.Equal(t, "owner", o(0).OwnerReferences[0].Name)
		assert.False(t, o(0).Deleted)
		assert.True(t, o(1).Deleted, "it has a deletionTimestamp")
		assert.Equal(t, map[string]string{"app": "dying"}, o(1).Labels)
		for _, i := range []int{2, 3, 6} {
			assert.True(t, o(i).Deleted, o(i).Name)
			assert.Empty(t, o(i).Labels, "another UID, or not found")
			assert.Empty(t, o(i).OwnerReferences)
		}
		assert.Equal(t, "shop", o(4).Labels["app"], "by name")
		assert.Equal(t, "shop", o(5).Labels["kubernetes.io/metadata.name"])
	}
	t.Run("one by one", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{}, nil)
		events := about(reference("Pod", "shop", "owned", owned.UID), reference("Pod", "shop", "owned", otherUID), reference("Pod", "shop", "none", otherUID))
		require.NoError(t, w.Enrich(t.Context(), events))
		assert.Equal(t, "shop", events[0].InvolvedObject.Labels["app"])
		assert.True(t, events[1].InvolvedObject.Deleted)
		assert.Empty(t, events[1].InvolvedObject.Labels)
		assert.True(t, events[2].InvolvedObject.Deleted)
		assert.Equal(t, map[string]int{"get 200": 2, "get 404": 1}, w.outcomes)
		assert.Equal(t, map[string]int{"found": 1, "gone": 2, "forbidden": 0, "failed": 0}, w.ended(t))
	})
	t.Run("from a list, and then from memory", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{}, nil)
		ask(t, w)
		assert.Equal(t, map[string]int{"list 200": 1, "get 200": 1, "get 404": 1}, w.outcomes)
		w.asked()
		ask(t, w)
		assert.Empty(t, w.asked(), "what was not found is remembered too (D-W6)")
	})
	t.Run("only what can be seen", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{Uses: render.Uses{Annotations: true}}, nil)
		o := w.enriched(t, reference("Pod", "shop", "owned", owned.UID))
		assert.Equal(t, map[string]string{"note": "x"}, o.Annotations)
		assert.Empty(t, o.Labels)
		assert.Empty(t, o.OwnerReferences)
		assert.False(t, w.enriched(t, reference("Pod", "shop", "none", otherUID)).Deleted)
	})
	t.Run("only the kinds that are allowed", func(t *testing.T) {
		w := open(t, c, local.Admin, enrich.Options{Kinds: []string{"Node"}}, nil)
		assert.False(t, w.enriched(t, reference("Pod", "shop", "none", otherUID)).Deleted)
		assert.True(t, w.enriched(t, corev1.ObjectReference{Kind: "Node", Name: "none"}).Deleted)
		assert.Equal(t, []string{"/api/v1/nodes/none"}, w.asked())
	})
	t.Run("what is large is right, and not remembered", func(t *testing.T) {
		large := make([]byte, 20<<10)
		for i := range large {
			large[i] = 'x'
		}
		m := create(t, c, path, pod("large", map[string]any{"annotations": map[string]any{"note": string(large)}}))
		w := open(t, c, local.Admin, enrich.Options{}, nil)
		for range 2 {
			assert.Len(t, w.enriched(t, reference("Pod", "shop", "large", m.UID)).Annotations["note"], 20<<10)
		}
		assert.Len(t, w.asked(), 2)
	})
}
