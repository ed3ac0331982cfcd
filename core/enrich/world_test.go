package enrich_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/enrich"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/render"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/entrypoints/app/cluster"
)

func everything() render.Uses {
	return render.Uses{Labels: true, Annotations: true, OwnerReferences: true, Deleted: true}
}

// world is an Enricher with its client's requests and its log.
type world struct {
	*enrich.Enricher
	source.Meter
	log bytes.Buffer

	mu       sync.Mutex
	requests []string       // verb and path
	outcomes map[string]int // of requests: "get 200", "list 403"
	metrics  *metrics.Metrics
}

// answer is a server's answer instead of the real one; nil for the real one.
type answer func(req *http.Request) *http.Response

func open(t *testing.T, c *local.Cluster, user local.User, o enrich.Options, instead answer) *world {
	t.Helper()
	w := &world{outcomes: map[string]int{}, metrics: metrics.New(metrics.Options{})}
	client, err := cluster.New(cluster.Config{
		Kubeconfig: c.Kubeconfig(user),
		Wrap:       func(rt http.RoundTripper) http.RoundTripper { return w.Wrap(roundTripper{w, rt, instead}) },
	})
	require.NoError(t, err)
	o.REST, o.Log = client, slog.New(slog.NewTextHandler(&w.log, nil))
	if !o.Uses.Any() {
		o.Uses = everything()
	}
	o.Metrics = w.metrics.Enrich
	w.Enricher = enrich.New(o)
	return w
}

// asked forgets and returns the requests so far.
func (w *world) asked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	requests := w.requests
	w.requests = nil
	return requests
}

type roundTripper struct {
	world   *world
	next    http.RoundTripper
	instead answer
}

func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.answer(req)
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	r.world.requests = append(r.world.requests, req.URL.Path)
	if err == nil {
		r.world.outcomes[operation(req)+" "+strconv.Itoa(resp.StatusCode)]++
	}
	return resp, err
}

func (r roundTripper) answer(req *http.Request) (*http.Response, error) {
	if r.instead != nil {
		if resp := r.instead(req); resp != nil {
			resp.Request = req
			return resp, nil
		}
	}
	return r.next.RoundTrip(req)
}

func operation(req *http.Request) string {
	switch {
	case req.URL.Path == "/readyz":
		return "ready"
	case req.URL.Query().Has("limit"):
		return "list"
	case strings.Count(req.URL.Path, "/") == 3 && strings.HasPrefix(req.URL.Path, "/apis/"):
		return "discover"
	}
	return "get"
}

// text is an answer that is no Status of the API.
func text(code int, header ...string) *http.Response {
	resp := &http.Response{
		StatusCode: code, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader(http.StatusText(code))),
	}
	for i := 0; i < len(header); i += 2 {
		resp.Header.Set(header[i], header[i+1])
	}
	return resp
}

// create posts an object and returns it as the server has it.
func create(t *testing.T, c *local.Cluster, path string, object map[string]any) metav1.ObjectMeta {
	t.Helper()
	m, err := post(t.Context(), c, path, object)
	require.NoError(t, err)
	return m
}

func post(ctx context.Context, c *local.Cluster, path string, object map[string]any) (metav1.ObjectMeta, error) {
	body, err := json.Marshal(object)
	if err != nil {
		return metav1.ObjectMeta{}, err
	}
	answer, err := c.Client().Do(ctx, http.MethodPost, path, kube.JSON, body)
	if err != nil {
		return metav1.ObjectMeta{}, err
	}
	var created metav1.PartialObjectMetadata
	err = json.Unmarshal(answer, &created)
	return created.ObjectMeta, err
}

func pod(name string, meta map[string]any) map[string]any {
	meta["name"] = name
	return map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": meta,
		"spec": map[string]any{"containers": []any{map[string]any{"name": "main", "image": "none"}}},
	}
}

// labelled is pod for a pod with one label that says which it is.
func labelled(name string) map[string]any {
	return pod(name, map[string]any{"labels": map[string]any{"pod": name}})
}

// pods creates n pods in each of some new namespaces, and returns a reference to each.
func pods(t *testing.T, c *local.Cluster, prefix string, namespaces, n int) []corev1.ObjectReference {
	t.Helper()
	refs := make([]corev1.ObjectReference, namespaces*n)
	for i := range namespaces {
		namespace(t, c, fmt.Sprintf("%s-%d", prefix, i))
	}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	for i := range refs {
		group.Go(func() error {
			namespace, name := fmt.Sprintf("%s-%d", prefix, i%namespaces), fmt.Sprintf("pod-%04d", i/namespaces)
			m, err := post(ctx, c, "/api/v1/namespaces/"+namespace+"/pods", labelled(name))
			refs[i] = reference("Pod", namespace, name, m.UID)
			return err
		})
	}
	require.NoError(t, group.Wait())
	return refs
}

func namespace(t *testing.T, c *local.Cluster, name string) {
	t.Helper()
	create(t, c, "/api/v1/namespaces", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
}

func reference(kind, namespace, name string, uid types.UID) corev1.ObjectReference {
	return corev1.ObjectReference{APIVersion: "v1", Kind: kind, Namespace: namespace, Name: name, UID: uid}
}

// about is a page with one event about each object.
func about(refs ...corev1.ObjectReference) []*event.Event {
	events := make([]*event.Event, len(refs))
	for i, ref := range refs {
		events[i] = event.New(corev1.Event{InvolvedObject: ref}, "")
	}
	return events
}

// ended is how many look-ups ended so.
func (w *world) ended(t *testing.T) map[string]int {
	t.Helper()
	families, err := w.metrics.Registry.Gather()
	require.NoError(t, err)
	ended := map[string]int{}
	for _, family := range families {
		if family.GetName() == "packetboat_enrich_lookups_total" {
			for _, m := range family.GetMetric() {
				ended[m.GetLabel()[0].GetValue()] = int(m.GetCounter().GetValue())
			}
		}
	}
	return ended
}

// enriched is the involved object of an event about ref.
func (w *world) enriched(t *testing.T, ref corev1.ObjectReference) event.InvolvedObject {
	t.Helper()
	events := about(ref)
	require.NoError(t, w.Enrich(t.Context(), events))
	return events[0].InvolvedObject
}
