package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func lookup(name string) (string, bool) {
	values := map[string]string{"A": "1", "LONG_name2": "two", "EMPTY": "", "DOLLAR": "$A"}
	value, ok := values[name]
	return value, ok
}

func TestExpand_DC1(t *testing.T) {
	for text, want := range map[string]expansion{
		"":                         {text: ""},
		"plain":                    {text: "plain"},
		"$A":                       {text: "1", whole: true},
		"${A}":                     {text: "1", whole: true},
		"$A$A":                     {text: "11"},
		"x${A}y":                   {text: "x1y"},
		"$LONG_name2-":             {text: "two-"},
		"$A.b":                     {text: "1.b"},
		"${DOLLAR}":                {text: "$A", whole: true},
		"${EMPTY}":                 {text: "", whole: true},
		"${EMPTY:-d}":              {text: "d", whole: true},
		"${NONE:-a b:-c}":          {text: "a b:-c", whole: true},
		"${NONE:-}":                {text: "", whole: true},
		"${A:-d}":                  {text: "1", whole: true},
		"pa$$word":                 {text: "pa$word"},
		"$$A":                      {text: "$A"},
		"$${A}":                    {text: "${A}"},
		"$$$A":                     {text: "$1"},
		"$1 $* $@ $# $- $? $! $.":  {text: "$1 $* $@ $# $- $? $! $."},
		"^foo$":                    {text: "^foo$"},
		"^a$|^(b$)|[$]|c$\"":       {text: "^a$|^(b$)|[$]|c$\""},
		"${} ${1} ${ A} {$A}":      {text: "${} ${1} ${ A} {1}"},
		"{{ $A }}":                 {text: "{{ $A }}"},
		"{{ $x := $A }}$A{{ $x }}": {text: "{{ $x := $A }}1{{ $x }}"},
		"{{ \"}}\" | f $A }}$A":    {text: "{{ \"}}\" | f $A }}1"},
		"{{ \"\\\"}}\" $A }}$A":    {text: "{{ \"\\\"}}\" $A }}1"},
		"{{ `\\` }}$A":             {text: "{{ `\\` }}1"},
		"{{ '}' $A }}$A":           {text: "{{ '}' $A }}1"},
		"{{- /* }} $A */ -}}$A":    {text: "{{- /* }} $A */ -}}1"},
		"{{/* never closed }} $A":  {text: "{{/* never closed }} $A"},
		"{{ \"never closed }} $A":  {text: "{{ \"never closed }} $A"},
		"{{ $A":                    {text: "{{ $A"},
		"{ $A } {$A} {":            {text: "{ 1 } {1} {"},
		"$NONE":                    {whole: true, faults: []string{"variable NONE is not set"}},
		"a${NONE}b$NONE":           {text: "ab", faults: []string{"variable NONE is not set"}},
		"a${A b":                   {text: "a", faults: []string{"${A is not closed as ${A} or ${A:-default}"}},
		"${A:-b":                   {whole: true, faults: []string{"${A is not closed as ${A} or ${A:-default}"}},
		"${A-b}${A}":               {whole: true, faults: []string{"${A is not closed as ${A} or ${A:-default}"}},
		"${A:?must}":               {whole: true, faults: []string{"${A is not closed as ${A} or ${A:-default}"}},
	} {
		assert.Equal(t, want, expand(text, lookup), text)
	}
}

func TestExpandGivesBackWhatWasEscaped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("$A{}`\"':-1 é\n"))).
			Filter(func(s string) bool { return !strings.Contains(s, "{{") }).Draw(t, "text")
		got := expand(strings.ReplaceAll(text, "$", "$$"), lookup)
		assert.Equal(t, expansion{text: text}, expansion{text: got.text, faults: got.faults})
	})
}

func TestExpandNeverTouchesActions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inner := rapid.StringOf(rapid.SampledFrom([]rune("$A |.x"))).Draw(t, "inner")
		action := "{{" + inner + "}}"
		assert.Equal(t, "1"+action+"1", expand("$A"+action+"$A", lookup).text)
	})
}

func TestSuggest(t *testing.T) {
	known := []string{"kinesis", "logLevel", "sns", "sqs", "receivers"}
	for word, want := range map[string]string{
		"kineis": `did you mean "kinesis"?`, "LOGLEVEL": `did you mean "logLevel"?`, "sqss": `did you mean "sqs"?`,
		"recievers": `did you mean "receivers"?`, "kafka": "", "": "", strings.Repeat("x", 10_000): "",
	} {
		assert.Equal(t, want, suggest(word, known), "%.20s", word)
	}
}

func TestSyntaxErrorsNameTheLineOfTheFault(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\nb:\n  c: 1\n d: 2\nx: 1\ny: 2\n": `line 4: not valid YAML: did not find expected key, at "d:"`,
		"a: 1\nb: \"foo\nx: 1\n":                `line 2: not valid YAML: found unexpected end of stream, at "b:"`,
		"a: 1\nb: [foo\nx: 1\n":                 `line 2: not valid YAML: did not find expected ',' or ']', at "b:"`,
		"a: 1\nb: foo: bar\nx: 1\n":             `line 2: not valid YAML: mapping values are not allowed in this context, at "b:"`,
		"a: 1\n- b\nx: 1\n":                     `line 2: not valid YAML: did not find expected key`,
		"a: 1\nb b b\nx: 1\n":                   `line 2: not valid YAML: could not find expected ':'`,
		"a: 1\nb: 'it's'\nx: 1\n":               `line 2: not valid YAML: did not find expected key, at "b:"`,
		"a: 1\nb: @x\n":                         `line 2: not valid YAML: found character that cannot start any token, at "b:"`,
		"a: \"\\q\"\n":                          `line 1: not valid YAML: found unknown escape character, at "a:"`,
		"a: 1\n---\nb: [\n":                     `line 3: not valid YAML: did not find expected node content, at "b:"`,
	} {
		_, err := parse([]byte(text))
		assert.EqualError(t, err, want)
	}
}
