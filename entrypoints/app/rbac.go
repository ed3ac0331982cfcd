package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/source"
)

// Modes of RBACOptions.
const (
	ModeRun   = "run"
	ModeWatch = "watch"
)

// RBACOptions say for whom the rights are.
type RBACOptions struct {
	Mode                 string   // ModeRun or ModeWatch
	ServiceAccount       string   // its name; its namespace is Options.Namespace
	CreateServiceAccount bool     // print the ServiceAccount too
	User, Group          string   // bind to this user or group instead: who comes from outside has no ServiceAccount
	Shards               int      // how many parts the cluster is delivered in, each by a process of its own; 0 and 1 are none
	Kinds                []string // look-ups of these kinds instead of the configuration's; nil is the configuration's
}

// RBAC is the Kubernetes objects, as YAML, that give a ServiceAccount, user or group what the
// configuration needs and nothing more, and what of it cannot be narrowed or
// known from the configuration. It asks no cluster.
func RBAC(ctx context.Context, o Options, r RBACOptions) (manifest []byte, warnings []string, err error) {
	if err := r.check(o.Namespace); err != nil {
		return nil, nil, err
	}
	a, err := New(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if err := a.single(); err != nil {
		return nil, nil, err
	}
	a.Log = slog.New(slog.DiscardHandler)
	m := &rights{RBACOptions: r, namespace: cmp.Or(a.namespace(), metav1.NamespaceDefault), rules: map[string][]rule{}}
	if a.namespace() == "" && !r.outside() {
		m.warn("no --namespace is given: this is for a ServiceAccount in namespace %s", m.namespace)
	}
	m.configuration(a.ConfigFile)
	m.read(a.Config)
	if err := m.remember(ctx, a); err != nil {
		return nil, nil, err
	}
	if e := a.Config.LeaderElection; r.Mode == ModeWatch && e.Enabled {
		m.lease(cmp.Or(e.Namespace, m.namespace), a)
	}
	if err := m.lookUp(ctx, a); err != nil {
		return nil, nil, err
	}
	m.references(a.Config.References)
	manifest, err = m.yaml()
	return manifest, m.warnings, err
}

func (r RBACOptions) check(namespace string) error {
	if r.Mode != ModeRun && r.Mode != ModeWatch {
		return usage("--mode %s: want run or watch", r.Mode)
	}
	if why := validation.IsDNS1123Label(namespace); namespace != "" && len(why) > 0 {
		return usage("--namespace %s: %s", namespace, why[0])
	}
	if why := validation.IsDNS1123Subdomain(r.ServiceAccount); len(why) > 0 {
		return usage("--service-account %s: %s", r.ServiceAccount, why[0])
	}
	if r.User != "" && r.Group != "" {
		return usage("--user %s --group %s: want one of them", r.User, r.Group)
	}
	if r.Shards < 0 || r.Shards > source.MaxShards {
		return usage("--shards %d: want at most %d", r.Shards, source.MaxShards)
	}
	for _, kind := range r.Kinds {
		if err := new(config.ObjectKind).UnmarshalText([]byte(kind)); err != nil {
			return usage("--kinds %s: %w", kind, err)
		}
	}
	return nil
}

// outside reports whether the rights are for somebody who is no ServiceAccount.
func (r RBACOptions) outside() bool { return r.User != "" || r.Group != "" }

// everywhere is the scope of a ClusterRole that is bound cluster-wide.
const everywhere = ""

// A rule is one of a Role or ClusterRole.
type rule struct {
	why              string
	group            string
	resources, names []string // no names: all
	verbs            []string
}

// rights are collected from a configuration.
type rights struct {
	RBACOptions
	namespace string            // of the ServiceAccount
	rules     map[string][]rule // by namespace, or everywhere
	before    []before
	warnings  []string
}

// before is an object that must exist beforehand: create cannot be limited to a name.
type before struct {
	version, kind, namespace, name string
	why                            string
}

func (m *rights) grant(scope string, r rule) { m.rules[scope] = append(m.rules[scope], r) }

func (m *rights) warn(format string, args ...any) {
	m.warnings = append(m.warnings, fmt.Sprintf(format, args...))
}

// configuration is for one that is read out of a ConfigMap.
func (m *rights) configuration(place string) {
	object, _, _ := strings.Cut(place, "#")
	if namespace, name, ok := configMapOf(object); ok {
		m.grant(namespace, rule{why: "the configuration", resources: []string{"configmaps"}, names: []string{name}, verbs: []string{"get"}})
	}
}

// parts are the shards that run, each with a checkpoint, a marker and a leader of its own.
func (m *rights) parts() []source.Shard {
	parts := []source.Shard{{}}
	if m.Shards > 1 {
		parts = make([]source.Shard, m.Shards)
		for i := range parts {
			parts[i] = source.Shard{Index: i, Of: m.Shards}
		}
	}
	return parts
}

// read is for what core/source asks: events of core/v1, and who the cluster is.
func (m *rights) read(c *config.Config) {
	read := namespacesRead(c)
	verbs, why := []string{"list", "watch"}, "the events; without watch every read lists all that is retained"
	if len(read) > 1 {
		// Several namespaces are read at one version, which only lists can.
		verbs, why = []string{"list"}, "the events"
	}
	for _, scope := range read {
		m.grant(scope, rule{why: why, resources: []string{"events"}, verbs: verbs})
	}
	if len(read) > 1 && m.Mode == ModeWatch {
		m.grant(everywhere, rule{
			why: "one watch has one order, so it is of all namespaces", resources: []string{"events"}, verbs: []string{"watch"},
		})
		m.warn("watch on events is granted in all namespaces: several namespaces are followed by one watch of all; " +
			"without it they are listed every 10 seconds")
	}
	if excluded := c.Source.ExcludeNamespaces; len(excluded) > 0 && read[0] == everywhere {
		m.warn("source.excludeNamespaces does not narrow the rights: no rule can leave out %s", strings.Join(excluded, ", "))
	}
	m.grant(everywhere, rule{
		why: "tells this cluster from any other", resources: []string{"namespaces"},
		names: []string{metav1.NamespaceSystem}, verbs: []string{"get"},
	})
}

// namespacesRead are the scopes of what is read, each once.
func namespacesRead(c *config.Config) []string {
	read := slices.Sorted(slices.Values(c.Namespaces()))
	if len(read) == 0 {
		return []string{everywhere}
	}
	return slices.Compact(read)
}

// remember is for the checkpoints and for the markers, which are named after them.
func (m *rights) remember(ctx context.Context, a *App) error {
	if m.Mode == ModeWatch && a.Checkpoint == "" && a.Config.Checkpoint == nil {
		a.Checkpoint = a.checkpointOfWatch()
	}
	parts := m.parts()
	checkpoints := parts
	if len(parts) > 1 {
		// That of the whole says how it is split.
		checkpoints = append([]source.Shard{{}}, parts...)
		m.warn("another number of shards begins with a look at the checkpoints of this one: give the rights of both until all have run")
	}
	kept, marked := map[string][]string{}, map[string][]string{} // names by namespace
	for _, shard := range checkpoints {
		store, err := a.shardStore(ctx, shard)
		if err != nil {
			return err
		}
		if namespace, name, ok := configMapOf(fmt.Sprint(store)); ok {
			m.before = append(m.before, before{
				version: "v1", kind: "ConfigMap", namespace: namespace, name: name,
				why: "the checkpoint, empty before the first run; to apply this again leaves it as it is, to replace it does not",
			})
			kept[namespace] = append(kept[namespace], name)
		}
		if marker := a.marker(store); marker != nil && slices.Contains(parts, shard) {
			marked[marker.Namespace] = append(marked[marker.Namespace], marker.Name)
		}
	}
	for namespace, names := range kept {
		m.grant(namespace, rule{why: "the checkpoint", resources: []string{"configmaps"}, names: names, verbs: []string{"get", "patch"}})
	}
	for namespace, names := range marked {
		m.grant(namespace, rule{
			why:       "the marker, one event that says how far the last run has read",
			resources: []string{"events"}, names: names, verbs: []string{"get", "patch"},
		})
		m.grant(namespace, rule{
			why:       "the marker again, which expires as all events do; create cannot be limited to a name",
			resources: []string{"events"}, verbs: []string{"create"},
		})
		m.warn("create on events in namespace %s cannot be limited to the marker; source.marker: off does without", namespace)
	}
	return nil
}

// lease is for the leader election.
func (m *rights) lease(namespace string, a *App) {
	var names []string
	for _, shard := range m.parts() {
		name := a.leaseName(shard)
		names = append(names, name)
		m.before = append(m.before, before{
			version: "coordination.k8s.io/v1", kind: "Lease", namespace: namespace, name: name,
			why: "says which replica is at work",
		})
	}
	m.grant(namespace, rule{
		why: "the leader election", group: "coordination.k8s.io", resources: []string{"leases"},
		names: names, verbs: []string{"get", "update"},
	})
}

// sees reports whether the configuration can see more of an object than its event says; its templates are compiled for that.
func (m *rights) sees(ctx context.Context, a *App) (bool, error) {
	receivers, err := a.openSinks(ctx, metrics.Discard())
	if err != nil {
		return false, err
	}
	return !a.Config.OmitLookup && a.uses(receivers).Any(), nil
}
