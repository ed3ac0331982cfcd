package route

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/packetboat/packetboat/core/event"
)

const counted = `drop:
  - namespace: "*test*"
  - {reason: ^Pulled$, minCount: 2}
match:
  - receiver: dump
  - kind: Pod
    labels: {tier: web, app: ""}
    receiver: slack
routes:
  - match: [{not: {kind: Pod, reason: Kill}, receiver: oncall}]
  - drop: [{}]
`

func TestCountsPerRuleAndNode(t *testing.T) {
	c := compile(t, counted, "dump", "slack", "oncall").Counted()
	web := func(ev *event.Event) { ev.InvolvedObject.Labels["tier"] = "web" }
	for _, change := range []func(*event.Event){
		func(*event.Event) {}, // dump only: not every match rule matches
		web,                   // all the way down
		web,                   // and again
		func(ev *event.Event) { ev.Namespace = "my-test" },      // dropped by the first rule
		func(ev *event.Event) { ev.Reason = "Pulled" },          // dropped by the second
		func(ev *event.Event) { web(ev); ev.Reason = "Killed" }, // entered, but not for oncall
	} {
		c.Route(sample(change), nil)
	}
	assert.Equal(t, NodeCounts{
		Path: "route", Entered: 6,
		Drop: []RuleCounts{
			{Path: "route.drop[0]", Line: 2, Conditions: []string{`namespace matches the glob "*test*"`}, Matched: 1},
			{
				Path: "route.drop[1]", Line: 3, Matched: 1,
				Conditions: []string{"happened at least 2 times", `reason matches "^Pulled$"`},
			},
		},
		Match: []RuleCounts{
			{Path: "route.match[0]", Line: 5, Conditions: []string{}, Receiver: "dump", Matched: 4},
			{
				Path: "route.match[1]", Line: 6, Receiver: "slack", Matched: 3,
				Conditions: []string{`kind matches "Pod"`, "labels.app exists", `labels.tier matches "web"`},
			},
		},
		Routes: []NodeCounts{
			{Path: "route.routes[0]", Entered: 3, Match: []RuleCounts{{
				Path: "route.routes[0].match[0]", Line: 10, Receiver: "oncall", Matched: 2,
				Conditions: []string{`not (kind matches "Pod" and reason matches "Kill")`},
			}}},
			{Path: "route.routes[1]", Entered: 3, Drop: []RuleCounts{
				{Path: "route.routes[1].drop[0]", Line: 11, Conditions: []string{}, Matched: 3},
			}},
		},
	}, c.Counts())
}

func TestCountingChangesNoDecision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree, err := Compile(drawRoute(t, 2), drawnReceivers)
		if err != nil {
			t.Fatal(err)
		}
		ev, counter := drawEvent(t), tree.Counted()
		want := tree.Route(ev, []int{7})
		assert.Equal(t, want, counter.Route(ev, []int{7}))
		compareCounts(t, tree.Explain(ev).Route, counter.Counts())
	})
}

// compareCounts holds the counts of one event against its trace.
func compareCounts(t *rapid.T, trace Node, counts NodeCounts) {
	assert.Equal(t, int64(1), counts.Entered, trace.Path)
	compare := func(traced []RuleTrace, counted []RuleCounts) {
		for i, r := range counted {
			matched := i < len(traced) && traced[i].Matched
			assert.Equal(t, matched, r.Matched == 1, r.Path)
			assert.LessOrEqual(t, r.Matched, int64(1), r.Path)
		}
	}
	compare(trace.Drop, counts.Drop)
	compare(trace.Match, counts.Match)
	for i, sub := range counts.Routes {
		if i < len(trace.Routes) {
			compareCounts(t, trace.Routes[i], sub)
		} else {
			assert.Zero(t, sub.Entered, sub.Path)
		}
	}
}

func TestCountingConcurrently(t *testing.T) {
	c := compile(t, "match: [{}]").Counted()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			ev := event.Sample()
			for range 50_000 {
				c.Route(ev, nil)
			}
			c.Counts()
		})
	}
	wg.Wait()
	assert.Equal(t, int64(200_000), c.Counts().Entered)
}
