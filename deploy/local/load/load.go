// Package load writes events in bulk, as many components that report at the same time would: in parallel and in no
// particular order. Its functions may be called concurrently. They retry nothing and return the first error.
package load

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/deploy/local/kube"
)

// writers is where more no longer write faster on two cores.
const writers = 16

// Event is one version of an event, as the API server answered.
type Event struct {
	Namespace, Name, UID, ResourceVersion string
	Count                                 int32
}

// Namespace creates a namespace unless it exists.
func Namespace(ctx context.Context, client *kube.Client, name string) error {
	return client.Apply(ctx, "/api/v1/namespaces/"+name, map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	})
}

// Create writes n new events of about 1 KiB each in a namespace, which must exist.
func Create(ctx context.Context, client *kube.Client, namespace string, n int) ([]Event, error) {
	prefix := fmt.Sprintf("load-%x", time.Now().UnixNano())
	created := make([]Event, n)
	err := parallel(ctx, n, func(ctx context.Context, i int) error {
		answer, err := post(ctx, client, event(namespace, fmt.Sprintf("%s.%06d", prefix, i), i))
		created[i] = answer
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create events: %w", err)
	}
	return created, nil
}

// Update raises the count of each of these events by one, as a recorder does that sees the same thing again: same UID,
// new resourceVersion.
func Update(ctx context.Context, client *kube.Client, events []Event) ([]Event, error) {
	updated := make([]Event, len(events))
	err := parallel(ctx, len(events), func(ctx context.Context, i int) error {
		answer, err := raise(ctx, client, events[i])
		updated[i] = answer
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("update events: %w", err)
	}
	return updated, nil
}

// parallel calls do with every number below n.
func parallel(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(writers, n) {
		group.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func post(ctx context.Context, client *kube.Client, ev *corev1.Event) (Event, error) {
	body, err := encode(ev)
	if err != nil {
		return Event{}, err
	}
	answer, err := client.Do(ctx, http.MethodPost, "/api/v1/namespaces/"+ev.Namespace+"/events", kube.Protobuf, body)
	if err != nil {
		return Event{}, err
	}
	return decode(answer)
}

func raise(ctx context.Context, client *kube.Client, ev Event) (Event, error) {
	path := "/api/v1/namespaces/" + ev.Namespace + "/events/" + ev.Name
	now := time.Now().UTC().Format(time.RFC3339)
	patch := fmt.Sprintf(`{"count": %d, "lastTimestamp": %q}`, ev.Count+1, now)
	answer, err := client.Do(ctx, http.MethodPatch, path, kube.MergePatch, []byte(patch))
	if err != nil {
		return Event{}, err
	}
	return decodeJSON(answer)
}

// event is what a kubelet reports about a container that will not stay up.
func event(namespace, name string, i int) *corev1.Event {
	now := metav1.Now()
	pod := fmt.Sprintf("shop-%d", i%500)
	message := fmt.Sprintf("Back-off restarting failed container=main pod=%s_%s attempt=%d ", pod, namespace, i)
	return &corev1.Event{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: pod,
			UID: "00000000-0000-4000-8000-000000000000", FieldPath: "spec.containers{main}",
		},
		Reason:         "BackOff",
		Message:        message + strings.Repeat("x", max(0, 700-len(message))),
		Source:         corev1.EventSource{Component: "kubelet", Host: fmt.Sprintf("node-%d", i%50)},
		FirstTimestamp: now,
		LastTimestamp:  now,
		Count:          1,
		Type:           corev1.EventTypeWarning,
	}
}
