package render

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

func layoutOf(t testing.TB, text string) sinks.Layout {
	t.Helper()
	var p struct {
		Layout sinks.Layout `yaml:"layout"`
	}
	text = "layout:\n  " + strings.ReplaceAll(text, "\n", "\n  ")
	require.NoError(t, yaml.Unmarshal([]byte(text), &p), text)
	return p.Layout
}

func payload(t testing.TB, layout string) func(*event.Event) ([]byte, error) {
	t.Helper()
	f, err := NewCompiler().Payload(sinks.Payload{Layout: layoutOf(t, layout)})
	require.NoError(t, err, layout)
	return f
}

func TestLayout(t *testing.T) {
	for layout, want := range map[string]string{
		"{}":                       `{}`,
		"[]":                       `[]`,
		"b: '{{ .Reason }}'\na: x": `{"a":"x","b":"BackOff"}`,
		"deep: {list: [one, '{{ .Reason }}', {k: v}], empty: ''}": `{"deep":{"empty":"","list":["one","BackOff",{"k":"v"}]}}`,
		"'{{ .Reason }}': '{{ .Reason }}'":                        `{"{{ .Reason }}":"BackOff"}`,
		"<b>: '<&>'":                                              `{"\u003cb\u003e":"\u003c\u0026\u003e"}`,
		"1: a\ntrue: b\nnull: c\n1.5: d":                          `{"1":"a","1.5":"d","null":"c","true":"b"}`,
		"'{{ .Reason }}'":                                         `"BackOff"`,
		"a: &x {k: 1, l: 2}\nb: *x\nc: {<<: *x, l: 3}":            `{"a":{"k":1,"l":2},"b":{"k":1,"l":2},"c":{"k":1,"l":3}}`,
		"a: &x {k: 1}\nb: &y {k: 2, m: 4}\nc: {<<: [*x, *y]}":     `{"a":{"k":1},"b":{"k":2,"m":4},"c":{"k":1,"m":4}}`,
		"'<<': text":     `{"\u003c\u003c":"text"}`,
		"a: |\n  x\n  y": `{"a":"x\ny"}`,
	} {
		got, err := payload(t, layout)(event.Sample())
		require.NoError(t, err, layout)
		assert.Equal(t, want, string(got), layout)
	}
}

func TestScalarsKeepTheirType_DC9(t *testing.T) {
	got, err := payload(t, `int: 5
big: 123456789012345678901234567890
negative: -3
hex: 0x1F
octal: 0o17
under: 1_000
float: 1.50
exp: 1e3
point: .5
yes: True
no: false
off: FALSE
none: ~
nothing:
null: null
quoted: "5"
text: !!str 5
date: 2026-01-02
answer: yes
switch: off
`)(event.Sample())
	require.NoError(t, err)
	assert.Equal(t, `{"answer":"yes","big":123456789012345678901234567890,"date":"2026-01-02","exp":1e3,"float":1.50,"hex":31,`+
		`"int":5,"negative":-3,"no":false,"none":null,"nothing":null,"null":null,"octal":15,"off":false,"point":0.5,`+
		`"quoted":"5","switch":"off","text":"5","under":1000,"yes":true}`, string(got))
	assert.True(t, json.Valid(got))
}

func TestJSONTagEmbedsValues_DC10(t *testing.T) {
	got, err := payload(t, `count: !json "{{ .Count }}"
labels: !json '{{ toJson .InvolvedObject.Labels }}'
event: !json "{{ toJson . }}"
absent: !json "{{ with .InvolvedObject.Labels.none }}{{ . }}{{ end }}"
constant: !json '{ "a" : [1, "<"] }'
asUpstream: "{{ toJson .InvolvedObject.Labels }}"
`)(event.Sample())
	require.NoError(t, err)
	assert.Equal(t, `{"absent":null,"asUpstream":"{\"app\":\"sample\"}","constant":{"a":[1,"\u003c"]},"count":3,"event":`+
		string(event.Sample().ToJSON())+`,"labels":{"app":"sample"}}`, string(got))

	render := payload(t, "\n  a: !json '{{ .Count }}{{ if ne .Reason \"BackOff\" }}x{{ end }}'")
	bad := event.Sample()
	bad.Reason = "other"
	body, err := render(bad)
	assert.Nil(t, body, "never a part of a payload")
	assert.EqualError(t, err, "line 3, column 15: !json: the result of the template is not JSON: "+
		"invalid character 'x' after top-level value")
	bad.Reason = "BackOff\xff"
	body, err = payload(t, "a: !json '\"{{ .Reason }}\"'")(bad)
	require.NoError(t, err)
	assert.Equal(t, "{\"a\":\"BackOff\ufffd\"}", string(body))
}

func TestBadLayouts(t *testing.T) {
	bomb := "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 8 {
		bomb += fmt.Sprintf("b%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i+1, i, i, i, i, i, i, i)
	}
	for layout, want := range map[string]string{
		"a: 1\nb: 2\na: 3":          `line 4, column 3: layout: key "a" is already there, in line 2`,
		"1: x\n'1': y":              `line 3, column 3: layout: key "1" is already there, in line 2`,
		"? [a]\n: b":                `line 2, column 5: layout: a key must be a text, a number or a boolean`,
		"a: .inf":                   `line 2, column 6: layout: JSON has no number .inf: quote it to send it as a text`,
		"a: .NaN":                   `line 2, column 6: layout: JSON has no number .NaN: quote it to send it as a text`,
		"a: !secret x":              `line 2, column 6: layout: the tag !secret is not known: there is !json for a template that gives JSON`,
		"a: !json 'x'":              `line 2, column 6: !json: the text is not JSON: invalid character 'x' looking for beginning of value`,
		"a: {<<: x}":                `line 2, column 11: layout: << wants a mapping or a list of mappings`,
		"a: '{{ .x'":                `line 2, column 7: template: unclosed action`,
		"a: '{{ .Q }}'\nb: '{{ .R'": "line 2, column 10: template: field .Q does not exist",
		bomb:                        `layout: more than 10000 values, or nested deeper than 100`,
		"a: &x [*x]":                `layout: more than 10000 values, or nested deeper than 100`,
		"a: &x {<<: *x}":            `layout: more than 100 merges (<<) into one mapping`,
		"a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200): `nested deeper than 100`,
	} {
		_, err := NewCompiler().Payload(sinks.Payload{Layout: layoutOf(t, layout)})
		assert.ErrorContains(t, err, want, layout)
	}
}

func TestAbsentLayoutIsTheDefaultJSON(t *testing.T) {
	ev := event.Sample()
	ev.InvolvedObject.Labels = map[string]string{"app.kubernetes.io/name": "x"}
	for _, deDot := range []bool{false, true} {
		c := NewCompiler()
		assert.False(t, c.DefaultPayload())
		render, err := c.Payload(sinks.Payload{Layout: layoutOf(t, "null"), DeDot: deDot})
		require.NoError(t, err)
		got, err := render(ev)
		require.NoError(t, err)
		want := ev
		if deDot {
			dedotted := ev.DeDot()
			want = &dedotted
			assert.Contains(t, string(got), `"app_kubernetes_io/name":"x"`)
		}
		assert.Equal(t, string(want.ToJSON()), string(got))
		assert.True(t, c.DefaultPayload())
		assert.False(t, c.Uses().Any(), "nobody asked by name")
	}
}

func TestDeDotInLayout_DC14(t *testing.T) {
	ev := event.Sample()
	ev.InvolvedObject.Labels = map[string]string{"a.b": "dotted", "a_b": "plain"}
	render, err := NewCompiler().Payload(sinks.Payload{DeDot: true, Layout: layoutOf(t, "a: '{{ .InvolvedObject.Labels }}'")})
	require.NoError(t, err)
	got, err := render(ev)
	require.NoError(t, err)
	assert.Equal(t, `{"a":"map[a_b:plain a_b_:dotted]"}`, string(got))
	assert.Contains(t, ev.InvolvedObject.Labels, "a.b", "the event itself is not touched")
}

func TestTemplateErrorGivesNoPartOfAPayload(t *testing.T) {
	render := payload(t, "a: fine\nb: '{{ if ne .Reason \"BackOff\" }}{{ fail \"no\" }}{{ end }}'")
	ev := event.Sample()
	ev.Reason = "x"
	body, err := render(ev)
	assert.Nil(t, body)
	assert.EqualError(t, err, "line 3, column 39: template: error calling fail: no")
	body, err = render(event.Sample())
	require.NoError(t, err)
	assert.Equal(t, `{"a":"fine","b":""}`, string(body), "the next event is not touched by it")
}

func TestPayloadIsBounded(t *testing.T) {
	ev := event.Sample()
	ev.Message = strings.Repeat("x", maxOutput)
	body, err := payload(t, "a: &a '{{ .Message }}'\nb: *a\nc: *a\nd: *a\ne: *a")(ev)
	assert.Nil(t, body)
	assert.ErrorContains(t, err, "the payload is larger than 16 MiB")
}

func TestBodiesAreNotShared(t *testing.T) {
	render := payload(t, "a: '{{ .Reason }}'")
	first, err := render(event.Sample())
	require.NoError(t, err)
	other := event.Sample()
	other.Reason = "Other"
	_, err = render(other)
	require.NoError(t, err)
	assert.Equal(t, `{"a":"BackOff"}`, string(first))
}

func TestStringsAreThoseOfEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
			rapid.StringOf(rapid.RuneFrom([]rune("<>&\u2028\u2029\x00\x1f\x7f\"\\\b\f\n\r\té\U0001f600")))).Draw(t, "s")
		want, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := event.AppendString(nil, []byte(s)); string(got) != string(want) {
			t.Fatalf("%q: got %s, want %s", s, got, want)
		}
	})
}

// A field alone is read without executing its template: it must be the same.
func TestSoleFieldIsWhatTheTemplateGives(t *testing.T) {
	hostile := event.Sample()
	hostile.Message = "\xff\x00<no value>\u2028" + strings.Repeat("é", 1000)
	for _, ev := range []*event.Event{event.Sample(), hostile, {}} {
		for _, field := range []string{
			".Message", ".Reason", ".Type", ".Name", ".Namespace", ".UID", ".ClusterName", ".InvolvedObject.Kind", ".InvolvedObject.UID",
			".Source.Component", ".Event.Message", ".ReportingController", ".InvolvedObject.ObjectReference.Name", ".ObjectMeta.Name",
		} {
			alone, executed := "{{ "+field+" }}", "{{ "+field+" }}{{ \"\" }}"
			sole, err := NewCompiler().text(source{text: alone})
			require.NoError(t, err)
			assert.NotNil(t, sole.plain, field)
			want, err := compiled(t, executed)(ev)
			require.NoError(t, err)
			got, err := compiled(t, alone)(ev)
			require.NoError(t, err)
			assert.Equal(t, want, got, field)
		}
	}
	for _, other := range []string{".LastTimestamp", ".Series.Count", ".InvolvedObject.Labels.app", ".Related.Name"} {
		other, err := NewCompiler().text(source{text: "{{ " + other + " }}"})
		require.NoError(t, err)
		assert.Nil(t, other.plain)
	}
}
