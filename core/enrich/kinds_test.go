package enrich

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/event"
)

const someUID = types.UID("11111111-2222-4333-8444-555555555555")

func about(ref corev1.ObjectReference) *event.Event {
	return event.New(corev1.Event{InvolvedObject: ref}, "")
}

func TestWhichObject_DW7(t *testing.T) {
	for name, test := range map[string]struct {
		ref  corev1.ObjectReference
		path string // "" if it is not asked for
		uid  types.UID
	}{
		"complete":                       {corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "a", Name: "x", UID: someUID}, "/api/v1/namespaces/a/pods/x", someUID},
		"in a group":                     {corev1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "a", Name: "x"}, "/apis/apps/v1/namespaces/a/deployments/x", ""},
		"an old version":                 {corev1.ObjectReference{APIVersion: "autoscaling/v2beta2", Kind: "HorizontalPodAutoscaler", Namespace: "a", Name: "x"}, "/apis/autoscaling/v2/namespaces/a/horizontalpodautoscalers/x", ""},
		"no apiVersion":                  {corev1.ObjectReference{Kind: "Job", Namespace: "a", Name: "x"}, "/apis/batch/v1/namespaces/a/jobs/x", ""},
		"a version without its group":    {corev1.ObjectReference{APIVersion: "v1", Kind: "StatefulSet", Namespace: "a", Name: "x"}, "/apis/apps/v1/namespaces/a/statefulsets/x", ""},
		"in no namespace":                {corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: "x", UID: someUID}, "/api/v1/nodes/x", someUID},
		"a namespace too much":           {corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Namespace: "a", Name: "x"}, "/api/v1/nodes/x", ""},
		"the kubelet about its node":     {corev1.ObjectReference{Kind: "Node", Name: "x", UID: "x"}, "/api/v1/nodes/x", ""},
		"the kubelet about a static pod": {corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "a", Name: "x", UID: "0123456789abcdef0123456789abcdef"}, "/api/v1/namespaces/a/pods/x", ""},
		"no kind":                        {ref: corev1.ObjectReference{APIVersion: "v1", Namespace: "a", Name: "x"}},
		"no name":                        {ref: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "a"}},
		"no namespace":                   {ref: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Name: "x"}},
		"nothing":                        {},
		"a kind nobody knows":            {ref: corev1.ObjectReference{APIVersion: "v1", Kind: "Ship", Namespace: "a", Name: "x"}},
		"an apiVersion of three":         {ref: corev1.ObjectReference{APIVersion: "a/b/c", Kind: "Pod", Namespace: "a", Name: "x"}},
		"a way out of the name":          {ref: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "a", Name: "../../b/secrets/x"}},
		"a way out of the namespace":     {ref: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "..", Name: "x"}},
		"an escape":                      {ref: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "a", Name: "x%2f"}},
	} {
		p := &page{Enricher: New(Options{})}
		o, ok := p.objectOf(about(test.ref))
		assert.Equal(t, test.path != "", ok, name)
		if ok && test.path != "" {
			path := ""
			for _, segment := range append(scope{o.resource, o.namespace}.path(), o.name) {
				if segment[0] != '/' {
					path += "/"
				}
				path += segment
			}
			assert.Equal(t, test.path, path, name)
			assert.Equal(t, test.uid, o.uid, name)
		}
	}
}

func TestEveryKindHasOneGroup(t *testing.T) {
	c := newCatalog()
	assert.Len(t, c.byKind, len(c.exact), "a reference without a group would find any of two")
}

func TestOnlyKindsThatAreAllowed(t *testing.T) {
	for kind, want := range map[string]bool{
		"apps/Deployment": true, "batch/Job": false, "/Pod": true, "example.com/Pod": true, "other.org/Deployment": false,
	} {
		e := New(Options{Kinds: []string{"Pod", "apps/Deployment"}})
		group, name, _ := strings.Cut(kind, "/")
		assert.Equal(t, want, e.allows(group, name), kind)
	}
	assert.True(t, New(Options{}).allows("any", "Thing"))
}

func TestObjectsOfTwoTenantsAreNotMixedUp(t *testing.T) {
	p := &page{Enricher: New(Options{})}
	own, _ := p.objectOf(about(corev1.ObjectReference{Kind: "Pod", Namespace: "victim", Name: "x", UID: someUID}))
	forged, _ := p.objectOf(about(corev1.ObjectReference{Kind: "Pod", Namespace: "other", Name: "x", UID: someUID}))
	assert.NotEqual(t, own, forged, "who names another's UID must not spoil what is remembered of it")
}
