package route

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/packetboat/packetboat/core/event"
)

// Which rules are looked up and which are tried makes no difference to which match.
func TestTheIndexDecidesAsEveryRuleByItself(t *testing.T) {
	pattern := rapid.SampledFrom([]string{"", "", "^a$", "^b$", "^(a|b|a)$", "^(ab|b1|ab)$", "a", "a.*b", "b[0-9]+", "*a", "^$", "(?i)^A$"})
	value := rapid.SampledFrom([]string{"", "a", "b", "ab", "b1", "A", "aab"})
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.Custom(func(t *rapid.T) Rule {
			r := Rule{Receiver: Receiver{Name: "out"}, MinCount: rapid.Int32Range(0, 2).Draw(t, "minCount")}
			for _, p := range []*Pattern{&r.Namespace, &r.Reason, &r.Kind, &r.Message} {
				p.Text = pattern.Draw(t, "pattern")
			}
			return r
		})
		tree, err := Compile(Route{Match: rapid.SliceOfN(one, 0, 40).Draw(t, "rules")}, []string{"out"})
		require.NoError(t, err)
		ev := &event.Event{}
		ev.Count = rapid.Int32Range(0, 3).Draw(t, "count")
		ev.Namespace, ev.Reason, ev.Message = value.Draw(t, "namespace"), value.Draw(t, "reason"), value.Draw(t, "message")
		ev.InvolvedObject.Kind = value.Draw(t, "kind")

		rules := &tree.root.match
		var want, got []string
		for i := range rules.all {
			if rules.all[i].failed(ev) == nil {
				want = append(want, rules.all[i].path)
			}
		}
		n := rules.matching(ev, func(r *rule) { got = append(got, r.path) })
		assert.ElementsMatch(t, want, got)
		assert.Equal(t, len(want), n)
		switch first := rules.first(ev); {
		case len(want) == 0:
			assert.Nil(t, first)
		default:
			require.NotNil(t, first)
			assert.Equal(t, want[0], first.path)
		}
	})
}

// What no value of the event can make match is not even tried.
func TestRulesForOtherValuesAreNotTried(t *testing.T) {
	var root Route
	for i := range 1000 {
		r := Rule{Receiver: Receiver{Name: "out"}}
		r.Namespace.Text, r.Type.Text = fmt.Sprintf("^team-%d$", i), "^Warning$"
		root.Match = append(root.Match, r)
	}
	tree, err := Compile(root, []string{"out"})
	require.NoError(t, err)
	rules := tree.root.match
	assert.Empty(t, rules.rest)
	require.Len(t, rules.lookups, 1)
	assert.Equal(t, "namespace", rules.lookups[0].key, "Warning would leave out nothing")
	assert.Equal(t, []int{7}, rules.lookups[0].rules["team-7"])
}

func TestRequiredIsInAllThatMatches(t *testing.T) {
	for expression, want := range map[string]string{
		"exit code [0-9]+ in 7": "exit code ", "a+bc": "bc", "(ab)+c": "c", "ab|cd.": "", "(?i)abc.": "", "[ab]c?": "", "x(yz.)z": "yz", "x.(ab|cd)": "x", "^abc.*d$": "abc",
	} {
		m, err := compilePattern(expression)
		require.NoError(t, err)
		assert.Equal(t, want, m.required, expression)
	}
}
