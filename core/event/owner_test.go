package event

import (
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOwner(t *testing.T) {
	yes := true
	owned := func(kind, name string, labels map[string]string) *Event {
		ev := New(corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "web-5d9c-abcde"}}, "")
		ev.InvolvedObject.Labels = labels
		ev.InvolvedObject.OwnerReferences = []metav1.OwnerReference{{Kind: "Node", Name: "n"}, {Kind: kind, Name: name, Controller: &yes}}
		return ev
	}
	hash := map[string]string{"pod-template-hash": "5d9c"}
	assert.Equal(t, "Deployment/web", owned("ReplicaSet", "web-5d9c", hash).Owner())
	assert.Equal(t, "ReplicaSet/web-5d9c", owned("ReplicaSet", "web-5d9c", nil).Owner(), "a ReplicaSet of nobody")
	assert.Equal(t, "ReplicaSet/web-77aa", owned("ReplicaSet", "web-77aa", hash).Owner())
	assert.Equal(t, "StatefulSet/db", owned("StatefulSet", "db", hash).Owner())

	alone := owned("", "", nil)
	alone.InvolvedObject.OwnerReferences = []metav1.OwnerReference{{Kind: "Node", Name: "n"}}
	assert.Equal(t, "Pod/web-5d9c-abcde", alone.Owner(), "an owner that does not control it is none")
}
