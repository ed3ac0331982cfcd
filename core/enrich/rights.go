package enrich

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Resource is what get and list must be granted on to look up a kind.
type Resource struct {
	Group, Name string // as RBAC names them
	Namespaced  bool
	Guessed     bool // the plural is the usual one of a kind that is not Kubernetes' own
}

// CommonKinds are those that Kubernetes' own components write most events about,
// without those that hold secrets or configuration.
func CommonKinds() []string {
	return []string{
		"Pod", "Node", "Service", "PersistentVolumeClaim",
		"apps/Deployment", "apps/ReplicaSet", "apps/StatefulSet", "apps/DaemonSet",
		"batch/Job", "batch/CronJob",
	}
}

// Resources are those of kinds that are written as in Options.Kinds, without
// asking a server, sorted. Unknown are kinds of which neither the name nor a
// group says where they are.
func Resources(kinds []string) (found []Resource, unknown []string) {
	catalog := newCatalog()
	for _, written := range kinds {
		group, kind, grouped := strings.Cut(written, "/")
		if !grouped {
			group, kind = "", written
		}
		r, ok := catalog.find(group, kind)
		switch {
		case ok:
			found = append(found, Resource{Group: r.Group, Name: r.Resource, Namespaced: r.namespaced})
		case grouped:
			plural, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Group: group, Kind: kind})
			found = append(found, Resource{Group: group, Name: plural.Resource, Namespaced: true, Guessed: true})
		default:
			unknown = append(unknown, written)
		}
	}
	slices.SortFunc(found, func(a, b Resource) int {
		return strings.Compare(a.Group+"/"+a.Name, b.Group+"/"+b.Name)
	})
	return slices.Compact(found), unknown
}
