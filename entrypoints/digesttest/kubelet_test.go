package digesttest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
)

const (
	namespace = "shop"
	replicas  = 50
)

const deployment = `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
"spec": {"replicas": %d, "selector": {"matchLabels": {"app": "web"}},
"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}}}}`

// deploy makes a real Deployment and waits for its Pods. There is no node, so
// that nobody runs them.
func deploy(t *testing.T, cluster *local.Cluster) []corev1.Pod {
	t.Helper()
	require.NoError(t, load.Namespace(t.Context(), cluster.Client(), namespace))
	_, err := cluster.Client().Do(t.Context(), http.MethodPost, "/apis/apps/v1/namespaces/"+namespace+"/deployments", kube.JSON,
		fmt.Appendf(nil, deployment, replicas))
	require.NoError(t, err)
	var pods corev1.PodList
	require.Eventually(t, func() bool {
		pods = corev1.PodList{}
		return cluster.Client().Get(t.Context(), "/api/v1/namespaces/"+namespace+"/pods", &pods) == nil && len(pods.Items) == replicas
	}, time.Minute, 100*time.Millisecond, "the Pods do not come")
	return pods.Items
}

// kubelet reports what one would of Pods whose container ends at once. It counts
// what it reports.
type kubelet struct {
	client *kube.Client
	events []*corev1.Event // one for each Pod and reason
	count  int
}

func newKubelet(t *testing.T, cluster *local.Cluster, pods []corev1.Pod) *kubelet {
	t.Helper()
	k := &kubelet{client: cluster.Client()}
	for _, pod := range pods {
		for _, reason := range []string{"Pulled", "Created", "Started", "BackOff"} {
			k.events = append(k.events, eventOf(pod, reason))
		}
	}
	return k
}

func eventOf(pod corev1.Pod, reason string) *corev1.Event {
	kind := corev1.EventTypeNormal
	if reason == "BackOff" {
		kind = corev1.EventTypeWarning
	}
	return &corev1.Event{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pod.Name + "." + reason},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: pod.Name, UID: pod.UID,
		},
		Reason: reason, Type: kind, Message: reason + " container web", Source: corev1.EventSource{Component: "kubelet", Host: "node-1"},
	}
}

// fiveMinutes is what happens to every Pod in that time: of some reasons more than
// of others, and each event is updated more than once.
func (k *kubelet) fiveMinutes(ctx context.Context, round int) error {
	for part := range 2 {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(8)
		for i, ev := range k.events {
			more := 1 + (i+round+part)%3
			ev.Count += int32(more) //nolint:gosec // 1 to 3
			k.count += more
			group.Go(func() error { return k.report(ctx, ev) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func (k *kubelet) report(ctx context.Context, ev *corev1.Event) error {
	path := "/api/v1/namespaces/" + namespace + "/events"
	now := metav1.Now()
	if ev.UID != "" {
		patch := fmt.Appendf(nil, `{"count": %d, "lastTimestamp": %q}`, ev.Count, now.UTC().Format(time.RFC3339))
		_, err := k.client.Do(ctx, http.MethodPatch, path+"/"+ev.Name, kube.MergePatch, patch)
		return err
	}
	ev.FirstTimestamp, ev.LastTimestamp = now, now
	body, err := json.Marshal(ev)
	if err != nil {
		return err
	}
	answer, err := k.client.Do(ctx, http.MethodPost, path, kube.JSON, body)
	if err != nil {
		return err
	}
	var created corev1.Event
	if err := json.Unmarshal(answer, &created); err != nil {
		return err
	}
	ev.UID = created.UID
	return nil
}
