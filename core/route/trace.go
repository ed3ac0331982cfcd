package route

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/packetboat/packetboat/core/event"
)

// Trace is an event's way through the tree, in words and for machines. Values
// out of the event are cut to a length for reading.
type Trace struct {
	Event     string      `json:"event"` // namespace/name
	ID        string      `json:"id"`
	Route     Node        `json:"route"`
	Receivers []Recipient `json:"receivers"`
}

// Recipient is a receiver that gets the event, and every rule that says so.
type Recipient struct {
	Receiver string   `json:"receiver"`
	Rules    []string `json:"rules"` // paths
}

// Node is one route. Drop rules after one that matched are not tested, and
// neither are Match and Routes then. Routes are there if they were entered.
type Node struct {
	Path    string      `json:"path"`
	Dropped bool        `json:"dropped"`
	Drop    []RuleTrace `json:"drop,omitempty"`
	Match   []RuleTrace `json:"match,omitempty"`
	Skipped int         `json:"skipped,omitempty"` // subroutes not entered
	Routes  []Node      `json:"routes,omitempty"`
}

// RuleTrace is one rule: whether it matched, or what failed it.
type RuleTrace struct {
	Path     string   `json:"path"`
	Line     int      `json:"line,omitempty"`
	Matched  bool     `json:"matched"`
	Receiver string   `json:"receiver,omitempty"`
	Tested   []string `json:"tested,omitempty"` // the keys of the rule
	Failure  *Failure `json:"failure,omitempty"`
}

// Failure is the key that did not match. A label that is not there is Missing.
// For not, Key is not and Pattern names the keys that should not match.
type Failure struct {
	Key     string `json:"key"`
	Pattern string `json:"pattern"`
	Value   string `json:"value"`
	Missing bool   `json:"missing,omitempty"`
	Glob    bool   `json:"glob,omitempty"` // Pattern was read as a glob
}

// Explain routes an event and notes why.
func (t *Tree) Explain(ev *event.Event) Trace {
	e := explainer{tree: t, ev: ev, rules: map[int][]string{}}
	trace := Trace{Event: cut(ev.Namespace + "/" + ev.Name), ID: cut(ev.ID()), Route: e.route(&t.root)}
	trace.Receivers = make([]Recipient, 0, len(e.rules))
	for _, i := range t.Route(ev, nil) {
		trace.Receivers = append(trace.Receivers, Recipient{Receiver: t.receivers[i], Rules: e.rules[i]})
	}
	return trace
}

type explainer struct {
	tree  *Tree
	ev    *event.Event
	rules map[int][]string
}

func (e *explainer) route(n *node) Node {
	trace := Node{Path: n.path, Skipped: len(n.routes)}
	for i := range n.drop.all {
		rule := e.rule(&n.drop.all[i])
		trace.Drop = append(trace.Drop, rule)
		if rule.Matched {
			trace.Dropped = true
			return trace
		}
	}
	all := true
	for i := range n.match.all {
		rule := e.rule(&n.match.all[i])
		trace.Match = append(trace.Match, rule)
		all = all && rule.Matched
		if to := n.match.all[i].receiver; rule.Matched && to >= 0 {
			e.rules[to] = append(e.rules[to], n.match.all[i].path)
		}
	}
	if !all {
		return trace
	}
	trace.Skipped = 0
	for i := range n.routes {
		trace.Routes = append(trace.Routes, e.route(&n.routes[i]))
	}
	return trace
}

func (e *explainer) rule(r *rule) RuleTrace {
	trace := RuleTrace{Path: r.path, Line: r.line, Tested: r.keys()}
	if r.receiver >= 0 {
		trace.Receiver = e.tree.receivers[r.receiver]
	}
	failed := r.failed(e.ev)
	if trace.Matched = failed == nil; !trace.Matched {
		trace.Failure = failed.failure(e.ev)
	}
	return trace
}

func (r *rule) keys() []string {
	var keys []string
	for i := range r.conditions {
		c := &r.conditions[i]
		if c.kind == negation {
			keys = append(keys, "not("+strings.Join(c.not.keys(), ", ")+")")
			continue
		}
		keys = append(keys, c.key)
	}
	return keys
}

func (c *condition) failure(ev *event.Event) *Failure {
	f := &Failure{Key: c.key}
	if c.matcher != nil {
		f.Pattern, f.Glob = c.matcher.pattern, c.matcher.glob
	}
	switch c.kind {
	case label:
		value, ok := ev.InvolvedObject.Labels[c.name]
		f.Value, f.Missing = cut(value), !ok
	case annotation:
		value, ok := ev.InvolvedObject.Annotations[c.name]
		f.Value, f.Missing = cut(value), !ok
	case minCount:
		f.Pattern, f.Value = strconv.Itoa(int(c.least)), strconv.Itoa(int(ev.Occurrences()))
	case negation:
		f.Pattern = strings.Join(c.not.keys(), ", ")
		f.Value = c.not.seen(ev)
	default:
		f.Value = cut(c.value(ev))
	}
	return f
}

// seen are the values that a matching rule matched.
func (r *rule) seen(ev *event.Event) string {
	var parts []string
	for i := range r.conditions {
		if c := &r.conditions[i]; c.kind != negation {
			f := c.failure(ev)
			parts = append(parts, f.Key+"="+f.Value)
		}
	}
	slices.SortFunc(parts, cmp.Compare[string])
	return cut(strings.Join(parts, ", "))
}

// cut shortens a text out of an event for reading.
func cut(s string) string {
	const most = 160
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
