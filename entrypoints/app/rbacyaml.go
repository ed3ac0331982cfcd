package app

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

const rbacGroup = "rbac.authorization.k8s.io"

// yaml is all objects, in the order in which they are to be created.
func (m *rights) yaml() ([]byte, error) {
	objects := []*yaml.Node{}
	if m.CreateServiceAccount && !m.outside() {
		objects = append(objects, m.object("v1", "ServiceAccount", m.namespace, m.ServiceAccount))
	}
	for _, b := range m.before {
		object := m.object(b.version, b.kind, b.namespace, b.name)
		object.HeadComment = b.why
		objects = append(objects, object)
	}
	for _, scope := range slices.Sorted(maps.Keys(m.rules)) {
		objects = append(objects, m.role(scope), m.binding(scope))
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# What packetboat %s needs to be allowed with its configuration, and nothing more.\n"+
		"# Made by packetboat rbac: make it anew when the configuration changes.\n", m.Mode)
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	for i, object := range objects {
		if i == 0 {
			out.WriteString("---\n")
		}
		if err := encoder.Encode(object); err != nil {
			return nil, fmt.Errorf("print the objects: %w", err)
		}
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("print the objects: %w", err)
	}
	return out.Bytes(), nil
}

func (m *rights) object(version, kind, namespace, name string, more ...*yaml.Node) *yaml.Node {
	metadata := mapping(text("name"), text(name))
	if namespace != everywhere {
		metadata = mapping(text("name"), text(name), text("namespace"), text(namespace))
	}
	metadata.Content = append(metadata.Content, text("labels"), mapping(text("app.kubernetes.io/name"), text("packetboat")))
	return mapping(append([]*yaml.Node{
		text("apiVersion"), text(version), text("kind"), text(kind), text("metadata"), metadata,
	}, more...)...)
}

// name is that of a Role: outside of our own namespace another installation may
// have a ServiceAccount of the same name.
func (m *rights) name(scope string) string {
	if scope == m.namespace {
		return m.ServiceAccount
	}
	return m.namespace + "-" + m.ServiceAccount
}

func roleKind(scope string) string {
	if scope == everywhere {
		return "ClusterRole"
	}
	return "Role"
}

func (m *rights) role(scope string) *yaml.Node {
	rules := &yaml.Node{Kind: yaml.SequenceNode}
	for _, r := range m.rules[scope] {
		node := mapping(text("apiGroups"), list(r.group), text("resources"), list(r.resources...))
		if len(r.names) > 0 {
			node.Content = append(node.Content, text("resourceNames"), list(r.names...))
		}
		node.Content = append(node.Content, text("verbs"), list(r.verbs...))
		node.HeadComment = r.why
		rules.Content = append(rules.Content, node)
	}
	return m.object(rbacGroup+"/v1", roleKind(scope), scope, m.name(scope), text("rules"), rules)
}

func (m *rights) binding(scope string) *yaml.Node {
	role := mapping(text("apiGroup"), text(rbacGroup), text("kind"), text(roleKind(scope)), text("name"), text(m.name(scope)))
	return m.object(rbacGroup+"/v1", roleKind(scope)+"Binding", scope, m.name(scope),
		text("roleRef"), role, text("subjects"), &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{m.subject()}})
}

func (m *rights) subject() *yaml.Node {
	switch {
	case m.User != "":
		return mapping(text("apiGroup"), text(rbacGroup), text("kind"), text("User"), text("name"), text(m.User))
	case m.Group != "":
		return mapping(text("apiGroup"), text(rbacGroup), text("kind"), text("Group"), text("name"), text(m.Group))
	}
	return mapping(text("kind"), text("ServiceAccount"), text("name"), text(m.ServiceAccount), text("namespace"), text(m.namespace))
}

func mapping(keysAndValues ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: keysAndValues}
}

// text has a tag, by which a namespace called true or 1234 gets quotes.
func text(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

func list(values ...string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, v := range values {
		n.Content = append(n.Content, text(v))
	}
	return n
}
