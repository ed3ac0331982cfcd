package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/core/config"
)

func TestLint(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want []string
	}{
		"nothing wrong": {"route: {match: {receiver: a}}\nreceivers: {name: a, stdout: }", nil},
		"no receivers":  {"logLevel: info", []string{"config.yaml: receivers: there are none: nothing is ever sent"}},
		"empty route (an event goes nowhere)": {
			"receivers: {name: a, stdout: }",
			[]string{"config.yaml: route: it names no receiver: nothing is ever sent, to send all, write route: {match: [{receiver: a}]}"},
		},
		"receiver that no rule names": {
			"route: {match: {receiver: a}}\nreceivers: [{name: a, stdout: }, {name: b, stdout: }]",
			[]string{`config.yaml:2:41: receivers[1].stdout: receiver "b" gets no event: no rule that can be reached names it, ` +
				`name it in a match rule: - receiver: b`},
		},
		"labels that are not looked up": {
			"omitLookup: true\nroute: {match: {receiver: a, labels: {a: b}}}\nreceivers: {name: a, stdout: }",
			[]string{"config.yaml: omitLookup: rules on labels or annotations never match: they are not looked up"},
		},
		"namespace read and excluded": {
			"namespace: x\nsource: {excludeNamespaces: x}\nroute: {match: {receiver: a}}\nreceivers: {name: a, stdout: }",
			[]string{`config.yaml: source.excludeNamespaces: namespace "x" is both read and excluded: it is not read`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, _ := load(t, c.yaml)
			var got []string
			for _, p := range config.Lint(cfg) {
				assert.Equal(t, config.Warning, p.Severity)
				got = append(got, p.String())
			}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestEmptyDropRuleIsLinted_DC5(t *testing.T) {
	cfg, problems := load(t, "route:\n  drop:\n    - reciever: a\n  match:\n    - receiver: a\nreceivers: {name: a, stdout: }\n")
	assert.Len(t, problems, 1, "the key is unknown")
	var lines []int
	var all string
	for _, p := range config.Lint(cfg) {
		lines = append(lines, p.Line)
		all += p.Text + "\n"
	}
	assert.Equal(t, []int{3, 5, 6}, lines)
	assert.Contains(t, all, "this drop rule has no condition, so that it drops every event\n")
	assert.Contains(t, all, "nothing in this route is reached")
	assert.Contains(t, all, `receiver "a" gets no event`)
}
