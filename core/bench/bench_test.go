package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/render"
	"github.com/packetboat/packetboat/core/route"
	"github.com/packetboat/packetboat/sinks"
)

const tenFields = `
time: "{{ .GetTimestampISO8601 }}"
cluster: "{{ .ClusterName }}"
namespace: "{{ .InvolvedObject.Namespace }}"
kind: "{{ .InvolvedObject.Kind }}"
name: "{{ .InvolvedObject.Name }}"
reason: "{{ .Reason }}"
message: "{{ .Message }}"
type: "{{ .Type }}"
component: "{{ .Source.Component }}"
host: "{{ .Source.Host }}"
`

// figure is one thing that is done with every event.
type figure struct {
	name string
	do   func(tb testing.TB) func(ev *event.Event)
}

var figures = []figure{
	{"route of 3 rules", routed(3)},
	{"route of 50 rules", routed(50)},
	{"route of 1000 rules", routed(1000)},
	{"layout of 10 fields", rendered(tenFields)},
	{"default JSON", rendered("")},
	{"50 rules, layout of 10 fields, bulk body", both(50, tenFields)},
}

func Benchmark(b *testing.B) {
	for _, f := range figures {
		b.Run(f.name, func(b *testing.B) {
			do, ev := f.do(b), event.Sample()
			b.ReportAllocs()
			for b.Loop() {
				do(ev)
			}
		})
	}
}

// More allocations than last time are more work for every event of everybody.
// UPDATE=1 go test ./core/bench writes what is meant into budget.json.
func TestAllocationsAreWithinTheBudget(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	got := map[string]float64{}
	for _, f := range figures {
		do, ev := f.do(t), event.Sample()
		got[f.name] = testing.AllocsPerRun(1000, func() { do(ev) })
	}
	if os.Getenv("UPDATE") != "" {
		b, err := json.MarshalIndent(got, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile("budget.json", append(b, '\n'), 0o600))
	}
	b, err := os.ReadFile("budget.json")
	require.NoError(t, err)
	var want map[string]float64
	require.NoError(t, json.Unmarshal(b, &want))
	assert.Len(t, want, len(figures))
	for name, n := range got {
		assert.LessOrEqual(t, n, want[name], name)
	}
}

// routed is a tree of rules of which one matches: by fields, by one of several
// words, by a part of a name and by a regular expression on the message.
func routed(n int) func(testing.TB) func(*event.Event) {
	return func(tb testing.TB) func(*event.Event) {
		tb.Helper()
		tree, dst := treeOf(tb, n), make([]int, 0, 10)
		return func(ev *event.Event) { dst = tree.Route(ev, dst[:0]) }
	}
}

func treeOf(tb testing.TB, n int) *route.Tree {
	tb.Helper()
	root := route.Route{Match: []route.Rule{{Type: route.Pattern{Text: "^Warning$"}, Receiver: route.Receiver{Name: "out"}}}}
	for i := 1; i < n; i++ {
		r := route.Rule{Receiver: route.Receiver{Name: "out"}}
		switch i % 4 {
		case 0:
			r.Namespace.Text, r.Type.Text = fmt.Sprint("^team-", i, "$"), "Warning"
		case 1:
			r.Kind.Text, r.Reason.Text = "Pod|Deployment|ReplicaSet", fmt.Sprint("Failed", i)
		case 2:
			r.Namespace.Text = fmt.Sprint("*test-", i, "*")
		default:
			r.Message.Text = fmt.Sprint("exit code [0-9]+ in ", i)
		}
		root.Match = append(root.Match, r)
	}
	tree, err := route.Compile(root, []string{"out"})
	require.NoError(tb, err)
	return tree
}

func rendered(layout string) func(testing.TB) func(*event.Event) {
	return func(tb testing.TB) func(*event.Event) {
		tb.Helper()
		encode := payloadOf(tb, layout)
		return func(ev *event.Event) {
			if _, err := encode(ev); err != nil {
				panic(err)
			}
		}
	}
}

func payloadOf(tb testing.TB, layout string) func(*event.Event) ([]byte, error) {
	tb.Helper()
	var p sinks.Payload
	if layout != "" {
		var document yaml.Node
		require.NoError(tb, yaml.Unmarshal([]byte(layout), &document))
		p.Layout.Node = document.Content[0]
	}
	encode, err := render.NewCompiler().Payload(p)
	require.NoError(tb, err)
	return encode
}

// both is a whole event, into a body of which many have a part.
func both(n int, layout string) func(testing.TB) func(*event.Event) {
	return func(tb testing.TB) func(*event.Event) {
		tb.Helper()
		tree, encode, dst := treeOf(tb, n), payloadOf(tb, layout), make([]int, 0, 10)
		body := make([]byte, 0, 1<<20)
		return func(ev *event.Event) {
			for range tree.Route(ev, dst[:0]) {
				b, err := encode(ev)
				if err != nil {
					panic(err)
				}
				if cap(body)-len(body) < len(b)+100 {
					body = body[:0]
				}
				body = append(append(body, `{"index":{"_index":"events"}}`+"\n"...), b...)
			}
		}
	}
}
