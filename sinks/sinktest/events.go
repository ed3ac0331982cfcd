package sinktest

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/core/event"
)

// Canonical is an event that every sink encodes, with its golden file's name.
type Canonical struct {
	Name  string
	Event *event.Event
}

// Events are the canonical events: together they have what breaks encoders.
func Events() []Canonical {
	return []Canonical{
		{"core-v1", coreV1()},
		{"series", series()},
		{"deleted-object", deletedObject()},
		{"huge-message", hugeMessage()},
		{"hostile-text", hostileText()},
	}
}

var happened = time.Date(2026, 2, 28, 23, 59, 58, 123456000, time.UTC)

func coreV1() *event.Event {
	ev := event.New(corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-6d5f-abcde.17f0c1d2e3a4b5c6", Namespace: "shop",
			UID: "11111111-1111-4111-8111-111111111111", ResourceVersion: "101",
			CreationTimestamp: metav1.NewTime(happened.Truncate(time.Second)),
		},
		InvolvedObject: corev1.ObjectReference{
			Kind: "Pod", Namespace: "shop", Name: "web-6d5f-abcde", APIVersion: "v1",
			UID: "aaaaaaaa-0000-4000-8000-000000000001", ResourceVersion: "99", FieldPath: "spec.containers{web}",
		},
		Reason: "BackOff", Message: "Back-off restarting failed container web", Type: corev1.EventTypeWarning, Count: 17,
		Source:         corev1.EventSource{Component: "kubelet", Host: "node-1"},
		FirstTimestamp: metav1.NewTime(happened.Add(-time.Hour).Truncate(time.Second)),
		LastTimestamp:  metav1.NewTime(happened.Truncate(time.Second)),
	}, "prod")
	ev.InvolvedObject.Labels = map[string]string{"app": "web", "app.kubernetes.io/name": "web"}
	ev.InvolvedObject.Annotations = map[string]string{"example.com/team": "shop"}
	ev.InvolvedObject.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-6d5f", UID: "aaaaaaaa-0000-4000-8000-000000000002",
	}}
	return ev
}

// series is as events.k8s.io writes it: no source, no count, no first or last timestamp.
func series() *event.Event {
	return event.New(corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Name: "db-0.17f0c1d2e3a4b5c7", Namespace: "shop",
			UID: "22222222-2222-4222-8222-222222222222", ResourceVersion: "102",
			CreationTimestamp: metav1.NewTime(happened.Truncate(time.Second)),
		},
		InvolvedObject: corev1.ObjectReference{
			Kind: "Pod", Namespace: "shop", Name: "db-0", APIVersion: "v1", UID: "aaaaaaaa-0000-4000-8000-000000000003",
		},
		Reason: "FailedScheduling", Message: "0/3 nodes are available", Type: corev1.EventTypeWarning,
		EventTime: metav1.NewMicroTime(happened), Action: "Scheduling",
		Series:              &corev1.EventSeries{Count: 41, LastObservedTime: metav1.NewMicroTime(happened.Add(time.Minute))},
		Related:             &corev1.ObjectReference{Kind: "Node", Name: "node-2", APIVersion: "v1"},
		ReportingController: "default-scheduler", ReportingInstance: "default-scheduler-0",
	}, "prod")
}

func deletedObject() *event.Event {
	ev := coreV1()
	ev.UID, ev.ResourceVersion = "33333333-3333-4333-8333-333333333333", "103"
	ev.Reason, ev.Message, ev.Type = "Killing", "Stopping container web", corev1.EventTypeNormal
	ev.InvolvedObject.Labels, ev.InvolvedObject.Annotations = nil, nil
	ev.InvolvedObject.OwnerReferences = nil
	ev.InvolvedObject.Deleted = true
	return ev
}

// hugeMessage is larger than what half of all services take as a record.
func hugeMessage() *event.Event {
	ev := coreV1()
	ev.UID, ev.ResourceVersion = "44444444-4444-4444-8444-444444444444", "104"
	ev.Message = strings.Repeat("stack trace line \"quoted\" <html>\n", 10_000)
	return ev
}

// hostileText is what somebody who may create events could write: line breaks
// for headers and logs, terminal codes, template and shell syntax, paths, and
// the characters that JSON, HTML and Slack give a meaning to.
func hostileText() *event.Event {
	ev := coreV1()
	ev.UID, ev.ResourceVersion = "55555555-5555-4555-8555-555555555555", "105"
	ev.Name = "../../etc/passwd"
	ev.Reason = "X\r\nInjected-Header: yes"
	ev.Message = "a\nb\r\nc\x00d\x1b[31mred\x1b[0m \u202egnp.exe \u2028 {{ .Secret }} ${HOME} $(id) `id` " +
		"</script><script>alert(1)</script> <!channel> <@U1> *b* \"q\" 'q' \\ ; DROP TABLE events;-- 🏴‍☠️ é"
	ev.InvolvedObject.Labels = map[string]string{"a.b": "1", "a_b": "2", "": "empty", "quote\"": "\n"}
	ev.InvolvedObject.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied": "{\"a\":\"\\u0000\"}"}
	return ev
}
