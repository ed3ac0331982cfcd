package event

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Sample is a complete event with every field set. Templates are executed on it
// when a configuration is loaded, so that a wrong field is found then.
func Sample() *Event {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678000000, time.UTC)
	ref := corev1.ObjectReference{
		Kind: "Pod", Namespace: "default", Name: "sample", UID: "00000000-0000-4000-8000-000000000001",
		APIVersion: "v1", ResourceVersion: "41", FieldPath: "spec.containers{app}",
	}
	ev := New(corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Name: "sample.17f0c1d2e3a4b5c6", Namespace: "default", UID: "00000000-0000-4000-8000-000000000002",
			ResourceVersion: "42", CreationTimestamp: metav1.NewTime(at),
			Labels: map[string]string{"app": "sample"}, Annotations: map[string]string{"note": "sample"},
		},
		InvolvedObject: ref,
		Reason:         "BackOff", Message: "Back-off restarting failed container", Type: corev1.EventTypeWarning, Count: 3,
		Source:         corev1.EventSource{Component: "kubelet", Host: "node-1"},
		FirstTimestamp: metav1.NewTime(at), LastTimestamp: metav1.NewTime(at.Add(time.Minute)),
		EventTime: metav1.NewMicroTime(at), Action: "Restarting", Related: &ref,
		Series:              &corev1.EventSeries{Count: 3, LastObservedTime: metav1.NewMicroTime(at.Add(time.Minute))},
		ReportingController: "kubelet", ReportingInstance: "node-1",
	}, "sample")
	ev.InvolvedObject.Labels = map[string]string{"app": "sample"}
	ev.InvolvedObject.Annotations = map[string]string{"note": "sample"}
	ev.InvolvedObject.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "sample", UID: "00000000-0000-4000-8000-000000000003",
	}}
	return ev
}
