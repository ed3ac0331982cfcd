package app

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/enrich"
	"github.com/packetboat/packetboat/core/secret"
)

// lookUp is for the metadata of involved objects, where the configuration can
// see it: of the kinds that it names, and of no kind else.
func (m *rights) lookUp(ctx context.Context, a *App) error {
	seen, err := m.sees(ctx, a)
	if err != nil || !seen {
		return err
	}
	kinds := m.kinds(a)
	found, unknown := enrich.Resources(kinds)
	for _, kind := range unknown {
		m.warn("kind %s is not Kubernetes' own and got no rule: write it as GROUP/%s", kind, kind)
	}
	var whole []string
	for _, r := range found {
		if r.Guessed {
			m.warn("the resource %s.%s is a guess from its kind: compare with kubectl api-resources", r.Name, r.Group)
		}
		scopes := lookUpScopes(namespacesRead(a.Config), r)
		for _, scope := range scopes {
			m.grantLookUp(scope, r)
		}
		if len(scopes) > 0 {
			whole = append(whole, r.Name)
		}
	}
	if len(whole) > 0 {
		m.warn("get and list on %s cannot be limited to metadata, of which alone is asked", strings.Join(whole, ", "))
	}
	return nil
}

func (m *rights) kinds(a *App) []string {
	if m.Kinds != nil {
		return m.Kinds
	}
	kinds := make([]string, len(a.Config.Enrich.Kinds))
	for i, kind := range a.Config.Enrich.Kinds {
		kinds[i] = string(kind)
	}
	if len(kinds) > 0 {
		return kinds
	}
	kinds = enrich.CommonKinds()
	m.warn("the configuration looks up objects of every kind, for which there is no safe rule; granted are %s. "+
		"Events about others go on without labels: name the kinds in enrich.kinds, or set omitLookup: true", strings.Join(kinds, ", "))
	return kinds
}

// lookUpScopes is where objects can be that events of the namespaces are about.
// The API server takes an event of a namespaced object only in its namespace,
// and of any other object only in default and kube-system.
func lookUpScopes(read []string, r enrich.Resource) []string {
	if r.Namespaced {
		return read
	}
	for _, scope := range []string{everywhere, metav1.NamespaceDefault, metav1.NamespaceSystem} {
		if slices.Contains(read, scope) {
			return []string{everywhere}
		}
	}
	return nil
}

// grantLookUp adds to the rule of the same group, which is the last one since
// resources come sorted.
func (m *rights) grantLookUp(scope string, r enrich.Resource) {
	const why = "labels, annotations and owners of the objects that events are about"
	if all := m.rules[scope]; len(all) > 0 {
		if last := &all[len(all)-1]; last.why == why && last.group == r.Group {
			last.resources = append(last.resources, r.Name)
			return
		}
	}
	m.grant(scope, rule{why: why, group: r.Group, resources: []string{r.Name}, verbs: []string{"get", "list"}})
}

// references is for Secrets that the configuration names as k8s:NS/NAME#KEY.
func (m *rights) references(all []config.Reference) {
	named := map[string][]string{} // Secrets by namespace
	for _, r := range all {
		if namespace, name, ok := strings.Cut(r.Secret.Name, "/"); ok && r.Secret.Scheme == secret.KubernetesKey {
			named[namespace] = append(named[namespace], name)
		}
	}
	for namespace, names := range named {
		slices.Sort(names)
		m.grant(namespace, rule{
			why: "secrets of receivers", resources: []string{"secrets"}, names: slices.Compact(names), verbs: []string{"get"},
		})
	}
}
