package route

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
)

const traced = `drop:
  - namespace: "*test*"
match:
  - receiver: dump
  - kind: Pod
    labels: {tier: web}
    receiver: slack
  - reason: BackOff
    receiver: dump
routes:
  - match: [{receiver: never}]
`

func written(t *testing.T, trace Trace) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, trace.WriteText(&b))
	return b.String()
}

func TestExplainText(t *testing.T) {
	tree := compile(t, traced, "dump", "slack", "never")
	assert.Equal(t, `event default/sample.17f0c1d2e3a4b5c6 (00000000-0000-4000-8000-000000000002.42)
  route
    ✗ drop[0] (line 2): namespace: "default" does not match the glob "*test*"
    ✓ match[0] (line 4): matches, goes to dump (the rule has no conditions)
    ✗ match[1] (line 5): labels.tier: the object has none, so far as is known
    ✓ match[2] (line 8): matches, goes to dump (reason)
    subroutes not entered (1): not every match rule matched
  → dump, by route.match[0] and route.match[2]
`, written(t, tree.Explain(event.Sample())))

	assert.Equal(t, `event my-test/sample.17f0c1d2e3a4b5c6 (00000000-0000-4000-8000-000000000002.42)
  route
    ✓ drop[0] (line 2): dropped (namespace)
  no receiver gets it
`, written(t, tree.Explain(sample(func(ev *event.Event) { ev.Namespace = "my-test" }))))

	entered := written(t, tree.Explain(sample(func(ev *event.Event) { ev.InvolvedObject.Labels["tier"] = "web" })))
	assert.Contains(t, entered, `
    ✓ match[1] (line 5): matches, goes to slack (kind, labels.tier)
    ✓ match[2] (line 8): matches, goes to dump (reason)
    route.routes[0]
      ✓ match[0] (line 11): matches, goes to never (the rule has no conditions)
  → dump, by route.match[0] and route.match[2]
  → slack, by route.match[1]
  → never, by route.routes[0].match[0]
`)
}

func TestExplainEveryKindOfFailure(t *testing.T) {
	for rule, want := range map[string]string{
		"{reason: '^Killing$', kind: Pod}":                   `reason: "BackOff" does not match the pattern "^Killing$"`,
		"{minCount: 9}":                                      `minCount: 3 is less than 9`,
		"{annotations: {note: x}}":                           `annotations.note: "sample" does not match the pattern "x"`,
		"{annotations: {none: x}}":                           `annotations.none: the object has none, so far as is known`,
		"{labels: {app: '*x'}}":                              `labels.app: "sample" does not match the glob "*x"`,
		"{not: {kind: Pod, minCount: 2, labels: {app: ''}}}": `not: the rule below it matches (kind=Pod, labels.app=sample, minCount=3)`,
	} {
		tree := compile(t, "drop: ["+rule+"]")
		assert.Contains(t, written(t, tree.Explain(event.Sample())), "✗ drop[0] (line 1): "+want+"\n", rule)
	}
}

func TestExplainJSON(t *testing.T) {
	b, err := json.Marshal(compile(t, traced, "dump", "slack", "never").Explain(event.Sample()))
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"event": "default/sample.17f0c1d2e3a4b5c6", "id": "00000000-0000-4000-8000-000000000002.42",
		"route": {"path": "route", "dropped": false, "skipped": 1,
			"drop": [{"path": "route.drop[0]", "line": 2, "matched": false, "tested": ["namespace"],
				"failure": {"key": "namespace", "pattern": "*test*", "value": "default", "glob": true}}],
			"match": [
				{"path": "route.match[0]", "line": 4, "matched": true, "receiver": "dump"},
				{"path": "route.match[1]", "line": 5, "matched": false, "receiver": "slack", "tested": ["kind", "labels.tier"],
					"failure": {"key": "labels.tier", "pattern": "web", "value": "", "missing": true}},
				{"path": "route.match[2]", "line": 8, "matched": true, "receiver": "dump", "tested": ["reason"]}]},
		"receivers": [{"receiver": "dump", "rules": ["route.match[0]", "route.match[2]"]}]}`, string(b))
	b, err = json.Marshal(compile(t, "").Explain(event.Sample()))
	require.NoError(t, err)
	assert.Contains(t, string(b), `"receivers":[]`, "a list, never null")
}

func TestExplainHostileText(t *testing.T) {
	ev := sample(func(ev *event.Event) {
		ev.Message = "\x1b[2J\u202e\xff" + strings.Repeat("é", 1<<20)
		ev.Namespace = "\x1b]0;x\a"
	})
	trace := compile(t, "drop: [{message: absent}]").Explain(ev)
	assert.LessOrEqual(t, len(trace.Route.Drop[0].Failure.Value), 170)
	assert.True(t, utf8.ValidString(trace.Route.Drop[0].Failure.Value))
	text := written(t, trace)
	assert.NotContains(t, text, "\x1b")
	assert.NotContains(t, text, "\u202e")
	assert.Contains(t, text, `\x1b[2J\u202e`)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestExplainWriteError(t *testing.T) {
	assert.EqualError(t, Trace{}.WriteText(brokenWriter{}), "write trace: broken pipe")
}
