package config

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// What a configuration may grow to when its aliases and variables are put in.
const (
	maxNodes    = 200_000
	maxKeys     = 10_000 // of one mapping: the library compares every key with every other
	maxDepth    = 100
	maxExpanded = 8 << 20 // bytes
)

// resolver copies a parsed document into one that is plain: aliases and merges
// are replaced by what they stand for, variables by their values, every key is
// a text and is there once, and no node is shared. The limits hold against
// documents that are small on disk only.
type resolver struct {
	lookup   func(string) (string, bool)
	problems []Problem
	open     map[*yaml.Node]bool // anchored nodes whose alias is being put in
	nodes    int
	bytes    int
	stopped  bool // a limit is passed; it is said once
}

// copy returns the plain copy of n, a null after a limit is passed.
func (r *resolver) copy(n *yaml.Node, path string, depth int) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		if r.open[n.Alias] {
			r.stop(n, path, "this alias contains itself")
			return null(n)
		}
		r.open[n.Alias] = true
		defer delete(r.open, n.Alias)
		return r.copy(n.Alias, path, depth)
	}
	r.nodes++
	switch {
	case r.nodes > maxNodes:
		r.stop(n, path, fmt.Sprintf("more than %d values when its aliases are put in", maxNodes))
	case depth > maxDepth:
		r.stop(n, path, fmt.Sprintf("nested deeper than %d levels", maxDepth))
	case len(n.Content) > 2*maxKeys && n.Kind == yaml.MappingNode:
		r.stop(n, path, fmt.Sprintf("more than %d keys in one mapping", maxKeys))
	}
	out := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value, Style: n.Style, Line: n.Line, Column: n.Column}
	if r.stopped {
		return null(n)
	}
	switch n.Kind {
	case yaml.MappingNode:
		r.mapping(n, out, path, depth)
	case yaml.SequenceNode:
		for i, item := range n.Content {
			out.Content = append(out.Content, r.copy(item, element(path, i), depth+1))
		}
	case yaml.ScalarNode:
		r.expand(out, path)
	}
	return out
}

func (r *resolver) mapping(n, out *yaml.Node, path string, depth int) {
	seen := map[string]*yaml.Node{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content) && !r.stopped; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode && key.Alias != nil {
			key = key.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			r.report(n.Content[i], path, "a key must be a text", "put a value that begins with { in quotes")
		case key.ShortTag() == "!!merge":
			merges = append(merges, value)
		case seen[key.Value] != nil:
			r.report(key, below(path, key.Value), fmt.Sprintf("is already set at line %d", seen[key.Value].Line), "")
		default:
			seen[key.Value] = key
			out.Content = append(out.Content, plainKey(key), r.copy(value, below(path, key.Value), depth+1))
		}
	}
	for _, merge := range merges {
		r.merge(merge, out, seen, path, depth)
	}
}

// merge adds the pairs of a "<<" value whose keys out does not have yet.
func (r *resolver) merge(value, out *yaml.Node, seen map[string]*yaml.Node, path string, depth int) {
	plain := r.copy(value, path, depth+1)
	sources := []*yaml.Node{plain}
	if plain.Kind == yaml.SequenceNode {
		sources = plain.Content
	}
	for _, source := range sources {
		if source.Kind != yaml.MappingNode {
			if !r.stopped {
				r.report(value, path, "<< takes a mapping or a list of mappings", "")
			}
			return
		}
		for i := 0; i < len(source.Content); i += 2 {
			if key := source.Content[i]; seen[key.Value] == nil {
				seen[key.Value] = key
				out.Content = append(out.Content, key, source.Content[i+1])
			}
		}
	}
}

func (r *resolver) expand(n *yaml.Node, path string) {
	if !strings.Contains(n.Value, "$") {
		return
	}
	e := expand(n.Value, r.lookup)
	for _, fault := range e.faults {
		r.report(n, path, fault, "$$ stands for a dollar sign")
	}
	if r.bytes += len(e.text); r.bytes > maxExpanded {
		r.stop(n, path, "more than "+inBytes(maxExpanded)+" when its variables are put in")
		return
	}
	n.Value = e.text
	if !e.whole || n.Style != 0 {
		return
	}
	// Only a number or a boolean is what it reads as. A password that happens
	// to be "null" or a date stays a text.
	switch tag := (&yaml.Node{Kind: yaml.ScalarNode, Value: e.text}).ShortTag(); {
	case tag == "!!int", tag == "!!float", tag == "!!bool", e.text == "":
		n.Tag = tag
	}
}

func (r *resolver) report(n *yaml.Node, path, text, hint string) {
	r.problems = append(r.problems, Problem{
		Line: n.Line, Column: n.Column, Key: path, Severity: Error, Text: text, Hint: hint,
	})
}

func (r *resolver) stop(n *yaml.Node, path, text string) {
	if !r.stopped {
		r.report(n, path, text, "")
	}
	r.stopped = true
}

func null(n *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
}

func plainKey(n *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: n.Value, Line: n.Line, Column: n.Column}
}

// below is the path of a key of the mapping at path.
func below(path, key string) string {
	const longest = 64
	if len(key) > longest {
		key = strings.ToValidUTF8(key[:longest], "") + "..."
	}
	if strings.ContainsFunc(key, func(c rune) bool { return !isWord(c) }) || key == "" {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func isWord(c rune) bool {
	return c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// element is the path of item i, counted from 0, of the list at path.
func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
