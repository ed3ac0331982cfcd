package route

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The example of upstream's README.
const readme = `
routes:
  - match:
      - receiver: dump
  - drop:
      - namespace: "*test*"
      - type: "Normal"
    match:
      - receiver: "critical-events-queue"
  - match:
      - kind: "Pod|Deployment|ReplicaSet"
        labels:
          version: "dev"
        receiver: "slack"
`

func TestLintIsSilentOnWhatIsMeant(t *testing.T) {
	receivers := []string{"dump", "critical-events-queue", "slack"}
	for _, text := range []string{
		readme,
		"drop: [{namespace: '*test*', minCount: 5, apiVersion: '*v1beta1*'}, {type: ^Normal$}]\n" +
			"match: [{receiver: dump}, {kind: Pod, receiver: slack}, {reason: '.*Failed.*', receiver: critical-events-queue}]",
		"match: [{namespace: a}]\nroutes: [{match: [{receiver: dump}, {reason: x, receiver: slack}, {receiver: critical-events-queue}]}]",
		"match: [{kind: Pod, not: {kind: Pod, not: {reason: x}}, receiver: dump}, {kind: Pod, not: {kind: Pod, minCount: 3}, receiver: slack}, " +
			"{minCount: 1, receiver: critical-events-queue}]",
		"match: [{type: '', receiver: dump}, {labels: {app: ''}, receiver: slack}, {name: '^a.*b$', not: {name: ab}, receiver: critical-events-queue}]",
		"match: [{type: warn|normal|Warning, receiver: dump}, {not: {type: Normal}, receiver: slack}, {namespace: (a|b)*, receiver: critical-events-queue}]",
	} {
		compile(t, text, receivers...)
		assert.Empty(t, Lint(parse(t, text), receivers), text)
	}
}

type lintCase struct {
	yaml string
	want []string // line and text
}

var lintCases = map[string]lintCase{
	"empty drop drops everything DC5": {
		"drop:\n  - foo: bar\nmatch:\n  - receiver: r\n",
		[]string{
			"2: this drop rule has no condition, so that it drops every event",
			"4: nothing in this route is reached: its drop rules drop every event",
			`0: receiver "r" gets no event: no rule that can be reached names it`,
		},
	},
	"routes below an empty drop": {
		"match: [{receiver: r}]\nroutes:\n  - drop: [{}]\n    routes:\n      - match:\n        - {kind: Pod, receiver: r}\n",
		[]string{
			"3: this drop rule has no condition, so that it drops every event",
			"6: nothing in this route is reached: its drop rules drop every event",
		},
	},
	"receiver in drop": {
		"drop:\n  - {reason: x, receiver: r}\nmatch: [{receiver: r}]\n",
		[]string{`2: receiver "r" in a drop rule is ignored`},
	},
	"one dash too many DC5": {
		"match:\n  - namespace: a\n  - receiver: r\n",
		[]string{`3: receiver "r" gets every event here: match rules do not restrict each other, ` +
			`and the rule with the condition in line 2 has no receiver`},
	},
	"no effect": {
		"match:\n  - {reason: a}\n  - {reason: b, receiver: r}\n",
		[]string{"2: this match rule has no effect: it has no receiver, and the route has no routes below it"},
	},
	"type in lower case": {
		"match:\n  - {type: warning, receiver: r}\n",
		[]string{`2: this rule never matches: an event's type is Normal or Warning, and "warning" is in neither`},
	},
	"type anchored to nothing": {
		"match:\n  - {type: ^Warn$, receiver: r}\n",
		[]string{`2: this rule never matches: an event's type is Normal or Warning, and "^Warn$" is in neither`},
	},
	"minCount below zero": {
		"match:\n  - {minCount: -1, receiver: r}\n", []string{"2: minCount -1 is always reached"},
	},
	"nothing after the end": {
		"match:\n  - {reason: a$b, receiver: r}\n  - {reason: 'a^', receiver: r}\n  - {reason: '[^\\s\\S]', receiver: r}\n",
		[]string{
			`2: this rule never matches: no text matches "a$b"`,
			`3: this rule never matches: no text matches "a^"`,
			`4: this rule never matches: no text matches "[^\\s\\S]"`,
		},
	},
	"contradiction": {
		"match:\n  - {reason: a, kind: Pod, not: {reason: a}, receiver: r}\n",
		[]string{"2: this rule never matches: what it asks for is what its not forbids"},
	},
	"receiver below not": {
		"match:\n  - {not: {reason: a, receiver: r}, receiver: r}\n",
		[]string{`2: receiver "r" below not is ignored`},
	},
	"never routed": {
		"match: [{kind: Pod}]\nroutes: [{match: [{reason: x}]}]",
		[]string{
			"2: this match rule has no effect: it has no receiver, and the route has no routes below it",
			`0: receiver "r" gets no event: no rule that can be reached names it`,
		},
	},
	"twice DP10": {
		"match:\n  - {reason: a, labels: {x: y}, receiver: r}\n  - {labels: {x: y}, reason: a, receiver: r}\n  - {kind: Pod, receiver: r}\n",
		[]string{`3: receiver "r" gets the same event by this rule and by the one in line 2`},
	},
	"twice by a rule for all DP10": {
		"match:\n  - {receiver: r}\n  - {kind: Pod, receiver: r}\n",
		[]string{`3: receiver "r" gets the same event by this rule and by the one in line 2`},
	},
	"kube-* DC4": {
		"match:\n  - {namespace: kube-*|test-*-x, receiver: r}\n",
		[]string{`2: "kube-*|test-*-x" is read as a regular expression, in which * repeats the character before it`},
	},
}

func TestLint(t *testing.T) {
	for name, c := range lintCases {
		t.Run(name, func(t *testing.T) {
			var found []string
			for _, f := range Lint(parse(t, c.yaml), []string{"r"}) {
				found = append(found, itoa(f.Position.Line)+": "+f.Text)
			}
			assert.Equal(t, c.want, found)
		})
	}
}

func TestLintSaysWhatWasMeant_DC4(t *testing.T) {
	f := Lint(parse(t, "match: [{namespace: kube-*|test-*-x, receiver: r}]"), []string{"r"})
	assert.Equal(t, `did you mean "^kube-.*|^test-.*-x$"?`, f[0].Hint)
}

func itoa(n int) string { return string(rune('0' + n)) }
