package route

import (
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// Tree is a compiled Route.
type Tree struct {
	root        node
	counters    int // how many nodes and rules a Counter counts
	receivers   []string
	labels      bool
	annotations bool
}

type node struct {
	path   string
	index  int // of its counter
	drop   rules
	match  rules
	routes []node
}

type rule struct {
	path       string
	index      int // of its counter; a rule below not has none
	line       int
	conditions []condition
	receiver   int // index, -1 for none
}

// condition is one key of a rule.
type condition struct {
	key     string // as in the configuration
	kind    kind
	matcher *matcher
	value   func(ev *event.Event) string // of a text
	name    string                       // of a label or annotation
	least   int32                        // for minCount
	not     *rule
}

type kind int

const (
	text kind = iota
	label
	annotation
	minCount
	negation
)

// Compile compiles every pattern once. receivers are the names that match rules
// may send to. All that is wrong is in the error, with positions.
func Compile(root Route, receivers []string) (*Tree, error) {
	c := &compiler{receivers: receivers, fields: fields()}
	tree := &Tree{root: c.route("route", root), receivers: slices.Clone(receivers)}
	tree.labels, tree.annotations, tree.counters = c.labels, c.annotations, c.counters
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	return tree, nil
}

// Uses reports whether rules look at labels and annotations of the involved
// object.
func (t *Tree) Uses() (labels, annotations bool) { return t.labels, t.annotations }

// Route appends to dst the receivers that get an event: indexes into the
// receivers given to Compile, ascending, each once.
func (t *Tree) Route(ev *event.Event, dst []int) []int { return t.route(ev, dst, nil) }

func (t *Tree) route(ev *event.Event, dst []int, counted tally) []int {
	var few [4]uint64
	hits := few[:]
	if len(t.receivers) > len(few)*64 {
		hits = make([]uint64, (len(t.receivers)+63)/64)
	}
	t.root.route(ev, hits, counted)
	for i, word := range hits {
		for ; word != 0; word &= word - 1 {
			dst = append(dst, i*64+bits.TrailingZeros64(word))
		}
	}
	return dst
}

func (n *node) route(ev *event.Event, hits []uint64, counted tally) {
	counted.add(n.index)
	if dropped := n.drop.first(ev); dropped != nil {
		counted.add(dropped.index)
		return
	}
	matched := n.match.matching(ev, func(r *rule) {
		counted.add(r.index)
		if r.receiver >= 0 {
			hits[r.receiver/64] |= 1 << (r.receiver % 64)
		}
	})
	if matched < len(n.match.all) {
		return
	}
	for i := range n.routes {
		n.routes[i].route(ev, hits, counted)
	}
}

// failed is the first condition that does not hold, nil if the rule matches.
func (r *rule) failed(ev *event.Event) *condition {
	for i := range r.conditions {
		if !r.conditions[i].holds(ev) {
			return &r.conditions[i]
		}
	}
	return nil
}

func (c *condition) holds(ev *event.Event) bool {
	switch c.kind {
	case label:
		value, ok := ev.InvolvedObject.Labels[c.name]
		return ok && c.matcher.match(value)
	case annotation:
		value, ok := ev.InvolvedObject.Annotations[c.name]
		return ok && c.matcher.match(value)
	case minCount:
		return ev.Occurrences() >= c.least
	case negation:
		return c.not.failed(ev) != nil
	default:
		return c.matcher.match(c.value(ev))
	}
}

type compiler struct {
	receivers   []string
	fields      []field
	labels      bool
	annotations bool
	counters    int
	errs        []error
}

func (c *compiler) route(path string, r Route) node {
	n := node{path: path, index: c.counter()}
	var drop, match []rule
	for i, rule := range r.Drop {
		compiled := c.rule(fmt.Sprintf("%s.drop[%d]", path, i), rule)
		compiled.index = c.counter()
		drop = append(drop, compiled)
	}
	for i, rule := range r.Match {
		compiled := c.rule(fmt.Sprintf("%s.match[%d]", path, i), rule)
		compiled.receiver, compiled.index = c.receiver(rule.Receiver), c.counter()
		match = append(match, compiled)
	}
	n.drop, n.match = indexed(drop), indexed(match)
	for i, sub := range r.Routes {
		n.routes = append(n.routes, c.route(fmt.Sprintf("%s.routes[%d]", path, i), sub))
	}
	return n
}

func (c *compiler) counter() int {
	c.counters++
	return c.counters - 1
}

func (c *compiler) rule(path string, r Rule) rule {
	out := rule{path: path, line: r.Position.Line, receiver: -1}
	if r.MinCount != 0 {
		out.conditions = append(out.conditions, condition{key: "minCount", kind: minCount, least: r.MinCount})
	}
	for _, f := range c.fields {
		if p := f.pattern(&r); p.Text != "" {
			out.conditions = append(out.conditions, condition{key: f.key, matcher: c.pattern(f.key, p), value: f.value})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		key := "labels." + name
		out.conditions = append(out.conditions,
			condition{key: key, kind: label, name: name, matcher: c.pattern(key, r.Labels[name])})
		c.labels = true
	}
	for _, name := range slices.Sorted(maps.Keys(r.Annotations)) {
		key := "annotations." + name
		out.conditions = append(out.conditions,
			condition{key: key, kind: annotation, name: name, matcher: c.pattern(key, r.Annotations[name])})
		c.annotations = true
	}
	if r.Not != nil {
		if r.Not.IsEmpty() {
			c.fail(position(r.Not.Position, r.Position),
				"not: a rule without a condition matches every event, so that this rule can never match")
		}
		inner := c.rule(path+".not", *r.Not)
		out.conditions = append(out.conditions, condition{key: "not", kind: negation, not: &inner})
	}
	return out
}

func (c *compiler) pattern(key string, p Pattern) *matcher {
	m, err := compilePattern(p.Text)
	if err != nil {
		c.fail(p.Position, "%s: %w", key, err)
	}
	return m
}

func (c *compiler) receiver(r Receiver) int {
	if r.Name == "" {
		return -1
	}
	i := slices.Index(c.receivers, r.Name)
	if i < 0 {
		c.fail(r.Position, "receiver %q does not exist%s", r.Name, suggestion(r.Name, c.receivers))
	}
	return i
}

func (c *compiler) fail(at sinks.Position, format string, args ...any) {
	c.errs = append(c.errs, at.Errorf(format, args...))
}

func suggestion(name string, known []string) string {
	best, least := "", 1+len(name)/3
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(k)); d <= least && (d < least || best == "") {
			best, least = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf(": did you mean %q?", best)
	case len(known) == 0:
		return ": there are no receivers"
	default:
		return ": there are " + strings.Join(known, ", ")
	}
}

// position is the first that is known.
func position(candidates ...sinks.Position) sinks.Position {
	for _, p := range candidates {
		if p.Line != 0 {
			return p
		}
	}
	return sinks.Position{}
}
