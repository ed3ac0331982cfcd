package enrich

import "k8s.io/apimachinery/pkg/runtime/schema"

// BuiltInKind is a row of the table.
type BuiltInKind struct {
	schema.GroupVersionResource
	Namespaced bool
}

// BuiltIn is the table, for the test that compares it with a server.
func BuiltIn() map[schema.GroupKind]BuiltInKind {
	table := map[schema.GroupKind]BuiltInKind{}
	for kind, r := range newCatalog().exact {
		table[kind] = BuiltInKind{r.GroupVersionResource, r.namespaced}
	}
	return table
}
