package route

import (
	"errors"
	"fmt"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

func parse(t testing.TB, text string) Route {
	t.Helper()
	var r Route
	require.NoError(t, yaml.Unmarshal([]byte(text), &r))
	return r
}

func compile(t testing.TB, text string, receivers ...string) *Tree {
	t.Helper()
	tree, err := Compile(parse(t, text), receivers)
	require.NoError(t, err)
	return tree
}

// got are the names of the receivers that get an event.
func got(tree *Tree, ev *event.Event) []string {
	names := []string{}
	for _, i := range tree.Route(ev, nil) {
		names = append(names, tree.receivers[i])
	}
	return names
}

func sample(change func(ev *event.Event)) *event.Event {
	ev := event.Sample()
	if change != nil {
		change(ev)
	}
	return ev
}

func TestGlobPatternDropsWhatItSays_DC2(t *testing.T) {
	tree := compile(t, `
drop:
  - namespace: "*test*"
  - namespace: "*temp*|scratch-?"
match:
  - receiver: r
`, "r")
	for namespace, want := range map[string][]string{
		"default": {"r"}, "test": {}, "my-test-1": {}, "temporary": {}, "scratch-1": {}, "scratch-12": {"r"},
	} {
		assert.Equal(t, want, got(tree, sample(func(ev *event.Event) { ev.Namespace = namespace })), namespace)
	}
}

func TestGlobIsForTheWholeValue(t *testing.T) {
	for _, c := range []struct {
		glob, value string
		want        bool
	}{
		{"*a*b*", "a\nb", true},
		{"*a*b*", "ba", false},
		{"?.x", "a.x", true},
		{"?.x", "a-x", false},
		{"?.x", "aa.x", false},
		{"*x|y", "zx", true},
		{"*x|y", "xy", false},
		{"*x|y", "y", true},
		{"*x|kube-*", "kube-system", true},
		{"*x|kube-*", "my-kube-system", false},
	} {
		m, err := compilePattern(c.glob)
		require.NoError(t, err)
		assert.True(t, m.glob)
		assert.Equal(t, c.want, m.match(c.value), "%q on %q", c.glob, c.value)
	}
}

func TestBadPatternIsAnErrorWithItsPlace_DC2(t *testing.T) {
	root := parse(t, "drop:\n  - namespace: \"(test\"\n  - labels:\n      app: '[a'\nmatch:\n  - not: {reason: '+x'}\n    receiver: r\n")
	_, err := Compile(root, []string{"r"})
	require.EqualError(t, err, `line 2, column 16: namespace: pattern "(test" is neither a regular expression (missing closing ) in "(test") nor a glob such as "*test*"
line 4, column 12: labels.app: pattern "[a" is neither a regular expression (missing closing ] in "[a") nor a glob such as "*test*"
line 6, column 19: reason: pattern "+x" is neither a regular expression (missing argument to repetition operator in "+") nor a glob such as "*test*"`)
	var at *sinks.PositionError
	require.ErrorAs(t, err, &at)
	assert.Equal(t, sinks.Position{Line: 2, Column: 16}, at.Position)
}

func TestUnknownReceiver_DP2(t *testing.T) {
	root := parse(t, "match:\n  - receiver: slak\nroutes:\n  - match: [{receiver: completely-else}]\n")
	_, err := Compile(root, []string{"slack", "dump"})
	require.EqualError(t, err, `line 2, column 15: receiver "slak" does not exist: did you mean "slack"?
line 4, column 24: receiver "completely-else" does not exist: there are slack, dump`)
	_, err = Compile(root, nil)
	assert.ErrorContains(t, err, "there are no receivers")
	_, err = Compile(parse(t, "drop: [{reason: x, receiver: nobody}]"), nil)
	assert.NoError(t, err, "a receiver in a drop rule is ignored, as upstream")
}

func TestUnanchored_DC4(t *testing.T) {
	tree := compile(t, "match: [{reason: FailedCreate, receiver: a}, {reason: ^FailedCreate$, receiver: b}]", "a", "b")
	assert.Equal(t, []string{"a"}, got(tree, sample(func(ev *event.Event) { ev.Reason = "FailedCreatePodContainer" })))
	assert.Equal(t, []string{"a", "b"}, got(tree, sample(func(ev *event.Event) { ev.Reason = "FailedCreate" })))
}

func TestComponentAndHostFallBack_DC6(t *testing.T) {
	tree := compile(t, "match: [{component: ^sched$, receiver: a}, {host: ^n2$, receiver: b}]", "a", "b")
	ev := sample(func(ev *event.Event) {
		ev.Source.Component, ev.Source.Host = "", ""
		ev.ReportingController, ev.ReportingInstance = "sched", "n2"
	})
	assert.Equal(t, []string{"a", "b"}, got(tree, ev))
	ev.Source.Component, ev.Source.Host = "kubelet", "n1"
	assert.Empty(t, got(tree, ev), "source wins over reporting")
}

func TestMinCountSeesSeries_DC7(t *testing.T) {
	tree := compile(t, "match: [{minCount: 1, receiver: one}, {minCount: 5, receiver: five}]", "one", "five")
	ev := sample(func(ev *event.Event) { ev.Count = 0; ev.Series.Count = 5 })
	assert.Equal(t, []string{"one", "five"}, got(tree, ev))
	ev.Series = nil
	assert.Equal(t, []string{"one"}, got(tree, ev), "an event without any count happened once")
}

func TestLabelKeyMustExist(t *testing.T) {
	tree := compile(t, `
match:
  - {labels: {app: ""}, receiver: exists}
  - {labels: {app: sam, other: ".*"}, receiver: both}
  - {annotations: {note: 42}, receiver: number}
`, "exists", "both", "number")
	assert.Equal(t, []string{"exists"}, got(tree, sample(nil)))
	assert.Equal(t, []string{"exists", "both"}, got(tree, sample(func(ev *event.Event) { ev.InvolvedObject.Labels["other"] = "" })))
	assert.Equal(t, []string{"number"}, got(tree, sample(func(ev *event.Event) {
		ev.InvolvedObject.Labels = nil
		ev.InvolvedObject.Annotations["note"] = "x42x"
	})))
	labels, annotations := tree.Uses()
	assert.True(t, labels)
	assert.True(t, annotations)
	labels, annotations = compile(t, "drop: [{not: {labels: {a: b}}}]").Uses()
	assert.True(t, labels, "below not as well")
	assert.False(t, annotations)
}

// The namespace of upstream is the event's; objectNamespace is the object's.
func TestObjectNamespace_DW15(t *testing.T) {
	tree := compile(t, "match: [{namespace: ^a$, receiver: event}, {objectNamespace: ^b$, receiver: object}]", "event", "object")
	assert.Equal(t, []string{"event", "object"}, got(tree, sample(func(ev *event.Event) {
		ev.Namespace, ev.InvolvedObject.Namespace = "a", "b"
	})))
}

func TestScalarsAreTakenAsText(t *testing.T) {
	tree := compile(t, "match: [{reason: 404, action: true, message: null, receiver: 7}]", "7")
	assert.Equal(t, []string{"7"}, got(tree, sample(func(ev *event.Event) { ev.Reason, ev.Action = "404", "true" })))
	var r Route
	err := yaml.Unmarshal([]byte("match:\n  - reason: [a]\n"), &r)
	assert.EqualError(t, err, "line 2, column 13: want a text, got a mapping or a list")
	assert.EqualError(t, yaml.Unmarshal([]byte("match:\n  - receiver: {a: b}\n"), &r),
		"line 2, column 15: want a text, got a mapping or a list")
}

func TestNot(t *testing.T) {
	tree := compile(t, `
match:
  - {kind: Pod, not: {namespace: ^kube-, not: {reason: Failed}}, receiver: r}
`, "r")
	for _, c := range []struct {
		kind, namespace, reason string
		want                    []string
	}{
		{"Pod", "default", "x", []string{"r"}},
		{"Pod", "kube-system", "x", []string{}},
		{"Pod", "kube-system", "Failed", []string{"r"}},
		{"Node", "default", "x", []string{}},
	} {
		ev := sample(func(ev *event.Event) { ev.InvolvedObject.Kind, ev.Namespace, ev.Reason = c.kind, c.namespace, c.reason })
		assert.Equal(t, c.want, got(tree, ev), "%+v", c)
	}
	_, err := Compile(parse(t, "match:\n  - not: {receiver: x}\n    receiver: r\n"), []string{"r"})
	assert.EqualError(t, err, "line 2, column 10: not: a rule without a condition matches every event, so that this rule can never match")
}

// Every set of upstream's keys together with every set of ours, each key once
// the one that fails and never.
func TestOurKeysCombineWithUpstreams(t *testing.T) {
	upstream := []string{
		"labels: {app: ^sample$}", "annotations: {note: ^sample$}", "message: restarting", "apiVersion: ^v1$", "kind: ^Pod$",
		"namespace: ^default$", "reason: ^BackOff$", "type: Warning", "minCount: 3", "component: ^kubelet$", "host: node-1",
	}
	ours := []string{"name: ^sample$", "objectNamespace: ^default$", "action: Restarting", "not: {kind: Node}"}
	failing := []string{
		"labels: {app: no}", "annotations: {note: no}", "message: no-such", "apiVersion: v2", "kind: Node", "namespace: no",
		"reason: no", "type: Normal", "minCount: 4", "component: no", "host: absent", "name: no", "objectNamespace: no", "action: no",
		"not: {kind: Pod}",
	}
	good, bad := decoded(t, append(upstream, ours...)), decoded(t, failing)
	require.Len(t, bad, len(good))
	ev := event.Sample()
	matches := func(mask, fails int) bool {
		r := Rule{Receiver: Receiver{Name: "r"}}
		for i := range good {
			switch {
			case mask&(1<<i) == 0:
			case i == fails:
				require.NoError(t, bad[i].Decode(&r))
			default:
				require.NoError(t, good[i].Decode(&r))
			}
		}
		tree, err := Compile(Route{Match: []Rule{r}}, []string{"r"})
		require.NoError(t, err)
		return len(tree.Route(ev, nil)) == 1
	}
	count := 0
	for mask := range 1 << len(good) {
		// All sets of ours with no, every single, every pair and all of upstream's.
		if n := bits.OnesCount(uint(mask) & (1<<len(upstream) - 1)); n > 2 && n < len(upstream) {
			continue
		}
		require.True(t, matches(mask, -1), "keys %b", mask)
		for i := range good {
			if mask&(1<<i) != 0 {
				require.False(t, matches(mask, i), "keys %b, failing %s", mask, failing[i])
			}
		}
		count++
	}
	assert.Equal(t, 16*(1+11+55+1), count)
}

func decoded(t *testing.T, texts []string) (nodes []*yaml.Node) {
	t.Helper()
	for _, text := range texts {
		var n yaml.Node
		require.NoError(t, yaml.Unmarshal([]byte(text), &n))
		nodes = append(nodes, n.Content[0])
	}
	return nodes
}

func TestRouteIntoGivenRoomAllocatesNothing(t *testing.T) {
	tree := compile(t, readme, "dump", "critical-events-queue", "slack")
	ev, dst := event.Sample(), make([]int, 0, 8)
	assert.Zero(t, testing.AllocsPerRun(100, func() { dst = tree.Route(ev, dst[:0]) }))
	assert.Equal(t, []int{7, 0, 1}, tree.Route(ev, []int{7}), "appended")
}

func TestManyReceivers(t *testing.T) {
	var root Route
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprint("r", i))
		root.Match = append(root.Match, Rule{Receiver: Receiver{Name: names[i]}})
	}
	tree, err := Compile(root, names)
	require.NoError(t, err)
	hits := tree.Route(event.Sample(), nil)
	require.Len(t, hits, 300)
	assert.IsIncreasing(t, hits)
}

func TestErrorsAreJoined(t *testing.T) {
	_, err := Compile(parse(t, "match: [{reason: '(', receiver: x}]"), nil)
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	require.True(t, ok)
	assert.Len(t, joined.Unwrap(), 2)
}
