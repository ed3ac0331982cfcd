package enrich

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/event"
)

// resource is where objects of a kind are found.
type resource struct {
	schema.GroupVersionResource
	namespaced bool
	builtIn    bool // the API server's own, not an aggregated or custom one
}

// object is what an event is about. All parts count: an event may name any UID,
// and must not change what is remembered of the object that really has it.
type object struct {
	resource
	namespace, name string
	uid             types.UID // "": known by its name only
}

// scope is what one LIST can answer.
type scope struct {
	resource
	namespace string // "" for what is in none
}

// catalog finds built-in kinds without asking the server.
type catalog struct {
	exact  map[schema.GroupKind]resource
	byKind map[string]resource
}

type builtInKinds struct{ group, version, namespaced, cluster string }

// builtIn are the kinds that events speak of and every supported Kubernetes has.
// An object is the same in all versions of its group, so one is enough.
func builtIn() []builtInKinds {
	return []builtInKinds{
		{
			"", "v1", "Pod Service Endpoints ConfigMap Secret PersistentVolumeClaim ServiceAccount" +
				" ReplicationController ResourceQuota LimitRange PodTemplate", "Node Namespace PersistentVolume",
		},
		{"apps", "v1", "Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision", ""},
		{"batch", "v1", "Job CronJob", ""},
		{"autoscaling", "v2", "HorizontalPodAutoscaler", ""},
		{"networking.k8s.io", "v1", "Ingress NetworkPolicy", "IngressClass"},
		{"policy", "v1", "PodDisruptionBudget", ""},
		{"storage.k8s.io", "v1", "CSIStorageCapacity", "StorageClass VolumeAttachment CSINode CSIDriver"},
		{"rbac.authorization.k8s.io", "v1", "Role RoleBinding", "ClusterRole ClusterRoleBinding"},
		{"coordination.k8s.io", "v1", "Lease", ""},
		{"discovery.k8s.io", "v1", "EndpointSlice", ""},
		{"certificates.k8s.io", "v1", "", "CertificateSigningRequest"},
		{"scheduling.k8s.io", "v1", "", "PriorityClass"},
		{"node.k8s.io", "v1", "", "RuntimeClass"},
		{"admissionregistration.k8s.io", "v1", "", "MutatingWebhookConfiguration ValidatingWebhookConfiguration"},
		{"apiextensions.k8s.io", "v1", "", "CustomResourceDefinition"},
		{"apiregistration.k8s.io", "v1", "", "APIService"},
	}
}

func newCatalog() catalog {
	c := catalog{exact: map[schema.GroupKind]resource{}, byKind: map[string]resource{}}
	add := func(b builtInKinds, kinds string, namespaced bool) {
		for kind := range strings.FieldsSeq(kinds) {
			gvk := schema.GroupVersionKind{Group: b.group, Version: b.version, Kind: kind}
			plural, _ := meta.UnsafeGuessKindToResource(gvk) // a test compares all with the API server's own
			r := resource{GroupVersionResource: plural, namespaced: namespaced, builtIn: true}
			c.exact[gvk.GroupKind()], c.byKind[kind] = r, r
		}
	}
	for _, b := range builtIn() {
		add(b, b.namespaced, true)
		add(b, b.cluster, false)
	}
	return c
}

// find knows the kind of a reference. Some controllers write no group, or no
// apiVersion at all: then the kind alone says which (D-W7).
func (c catalog) find(group, kind string) (resource, bool) {
	if r, ok := c.exact[schema.GroupKind{Group: group, Kind: kind}]; ok {
		return r, true
	}
	if group != "" {
		return resource{}, false
	}
	r, ok := c.byKind[kind]
	return r, ok
}

// objectOf is the object that can be asked for, false if there is none.
func (p *page) objectOf(ev *event.Event) (object, bool) {
	ref := &ev.InvolvedObject.ObjectReference
	version, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return object{}, false
	}
	r, ok := p.catalog.find(version.Group, ref.Kind)
	if !ok {
		r, ok = p.foreign[version][ref.Kind]
	}
	if !ok || !p.allows(r.Group, ref.Kind) {
		return object{}, false
	}
	o := object{resource: r, name: ref.Name, uid: identity(ref.UID)}
	if r.namespaced {
		o.namespace = ref.Namespace
	}
	if !isSegment(o.name) || r.namespaced != isSegment(o.namespace) {
		return object{}, false
	}
	return o, true
}

// isSegment reports whether a part of a reference can be one of a path. Who may
// write events chooses it, and ".." must not lead to what only we may read.
func isSegment(s string) bool { return s != "" && len(content.IsPathSegmentName(s)) == 0 }

// identity is a UID that the API server gave, "" for others: the kubelet writes
// a node's name as its UID, and for a static pod the hash of its manifest.
func identity(uid types.UID) types.UID {
	if len(uid) != 36 || uid[8] != '-' || uid[13] != '-' || uid[18] != '-' || uid[23] != '-' {
		return ""
	}
	return uid
}
