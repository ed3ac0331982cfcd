package render

import (
	"cmp"
	"slices"

	"go.yaml.in/yaml/v3"
)

type entry struct {
	key   string
	value *yaml.Node
}

// flatten gives a mapping's entries in the order of encoding/json, by key, with
// merge keys (<<) resolved: the mapping's own entries win over merged ones, and
// earlier merged ones over later. Keys that are not texts are taken as written.
func flatten(n *yaml.Node) ([]entry, []error) {
	m := &merger{lines: map[string]int{}, values: map[string]*yaml.Node{}}
	m.own(n)
	entries := make([]entry, 0, len(m.values))
	for key, value := range m.values {
		entries = append(entries, entry{key, value})
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	return entries, m.errs
}

type merger struct {
	values map[string]*yaml.Node
	lines  map[string]int // of the mapping's own keys
	errs   []error
	merges int
}

func (m *merger) own(n *yaml.Node) {
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), n.Content[i+1]
		if isMerge(key) {
			merged = append(merged, value)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			m.errs = append(m.errs, place(key).Errorf("layout: a key must be a text, a number or a boolean"))
			continue
		}
		if line, taken := m.lines[key.Value]; taken {
			m.errs = append(m.errs, place(key).Errorf("layout: key %q is already there, in line %d", key.Value, line))
			continue
		}
		m.lines[key.Value] = key.Line
		m.values[key.Value] = value
	}
	for _, value := range merged {
		m.merge(value)
	}
}

// merge takes what is not there yet from a mapping or a list of mappings.
func (m *merger) merge(n *yaml.Node) {
	if m.merges++; m.merges > maxDepth {
		if m.merges == maxDepth+1 {
			m.errs = append(m.errs, place(n).Errorf("layout: more than %d merges (<<) into one mapping", maxDepth))
		}
		return
	}
	n = resolve(n)
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			m.merge(item)
		}
	case yaml.MappingNode:
		inner := &merger{lines: map[string]int{}, values: map[string]*yaml.Node{}, merges: m.merges}
		inner.own(n)
		m.merges = max(m.merges, inner.merges)
		m.errs = append(m.errs, inner.errs...)
		for key, value := range inner.values {
			if _, taken := m.values[key]; !taken {
				m.values[key] = value
			}
		}
	default:
		m.errs = append(m.errs, place(n).Errorf("layout: << wants a mapping or a list of mappings"))
	}
}

func isMerge(key *yaml.Node) bool {
	return key.Value == "<<" && (key.Tag == "" || key.Tag == "!" || key.ShortTag() == "!!merge")
}

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
