package route

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/packetboat/packetboat/core/event"
)

// Counter routes exactly as its Tree does and counts how often each node was
// entered and each rule matched. It may be used concurrently.
//
// An event that is read again, for a receiver that fell behind, is routed and
// counted again.
type Counter struct {
	tree   *Tree
	counts tally
}

// tally has one counter per node and rule; nil counts nothing, at no cost.
type tally []atomic.Int64

func (t tally) add(i int) {
	if t != nil {
		t[i].Add(1)
	}
}

// Counted returns a Counter that begins at zero.
func (t *Tree) Counted() *Counter {
	return &Counter{tree: t, counts: make(tally, t.counters)}
}

// Route is Tree.Route.
func (c *Counter) Route(ev *event.Event, dst []int) []int { return c.tree.route(ev, dst, c.counts) }

// NodeCounts is one route of the tree and what happened in it.
type NodeCounts struct {
	Path    string       `json:"path"`
	Entered int64        `json:"entered"` // events that came here, those that a drop rule took included
	Drop    []RuleCounts `json:"drop,omitempty"`
	Match   []RuleCounts `json:"match,omitempty"`
	Routes  []NodeCounts `json:"routes,omitempty"`
}

// RuleCounts is one rule and how many events it matched. A drop rule that
// stands behind another counts only what the ones before it left.
type RuleCounts struct {
	Path       string   `json:"path"`
	Line       int      `json:"line,omitempty"` // of the configuration
	Conditions []string `json:"conditions"`     // in words; all must hold, and without any every event matches
	Receiver   string   `json:"receiver,omitempty"`
	Matched    int64    `json:"matched"`
}

// Counts is the tree with the counts so far. Events that are being routed
// meanwhile may be in some of the numbers and not yet in others.
func (c *Counter) Counts() NodeCounts { return c.node(&c.tree.root) }

func (c *Counter) node(n *node) NodeCounts {
	counts := NodeCounts{
		Path: n.path, Entered: c.counts[n.index].Load(),
		Drop: c.rules(n.drop.all), Match: c.rules(n.match.all),
	}
	for i := range n.routes {
		counts.Routes = append(counts.Routes, c.node(&n.routes[i]))
	}
	return counts
}

func (c *Counter) rules(rules []rule) []RuleCounts {
	var all []RuleCounts
	for i := range rules {
		r := &rules[i]
		counts := RuleCounts{Path: r.path, Line: r.line, Conditions: r.words(), Matched: c.counts[r.index].Load()}
		if r.receiver >= 0 {
			counts.Receiver = c.tree.receivers[r.receiver]
		}
		all = append(all, counts)
	}
	return all
}

func (r *rule) words() []string {
	words := make([]string, 0, len(r.conditions))
	for i := range r.conditions {
		words = append(words, r.conditions[i].words())
	}
	return words
}

// words is the condition as a person would say it.
func (c *condition) words() string {
	switch {
	case c.kind == minCount:
		return fmt.Sprintf("happened at least %d times", c.least)
	case c.kind == negation:
		return "not (" + strings.Join(c.not.words(), " and ") + ")"
	case c.matcher.pattern == "":
		return shown(c.key) + " exists"
	case c.matcher.glob:
		return shown(c.key) + " matches the glob " + strconv.Quote(cut(c.matcher.pattern))
	default:
		return shown(c.key) + " matches " + strconv.Quote(cut(c.matcher.pattern))
	}
}
