package render

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// What comes out of the event is escaped, what the author of the template wrote
// is not.
func TestEscaping(t *testing.T) {
	ev := event.Sample()
	ev.Message, ev.Reason = "<!channel>", "a<b"
	ev.InvolvedObject.Labels = map[string]string{"team": "<@U1>"}
	c := NewCompiler().Escaping(func(s string) string { return strings.ReplaceAll(s, "<", "&lt;") })
	for text, want := range map[string]string{
		"<@U123> {{ .Message }}": "<@U123> &lt;!channel>",
		"{{ .Message }}":         "&lt;!channel>",
		"<plain>":                "<plain>",
		`{{ "<!here>" }}{{ print "<" 1 true (print "<") }}`:                "<!here><1 true<",
		`{{ if eq .Reason "a<b" }}<!here>{{ end }}`:                        "<!here>",
		"{{ with .InvolvedObject.Labels.team }}{{ . }}{{ end }}":           "&lt;@U1>",
		"{{ range .InvolvedObject.Labels }}{{ . }}{{ end }}":               "&lt;@U1>",
		"{{ $x := .Message }}{{ $x }}":                                     "&lt;!channel>",
		"{{ define \"x\" }}<{{ .Reason }}>{{ end }}{{ template \"x\" . }}": "<a&lt;b>",
		`{{ printf "<%s>" .Reason }}`:                                      "&lt;a&lt;b>",
		"{{ .Message | upper | trunc 3 }}":                                 "&lt;!C",
		"{{ .InvolvedObject.Labels }}":                                     "map[team:&lt;@U1>]",
		"{{ .Count }} {{ .LastTimestamp }} {{ .Related.Name }}":            "3 2026-01-02 03:05:05.678 +0000 UTC sample",
		"{{ .InvolvedObject.Labels.none }}{{ get (dict) .Reason }}":        "",
	} {
		f, err := c.Template(sinks.Template{Text: text})
		require.NoError(t, err, text)
		got, err := f(ev)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	layout, err := c.Payload(sinks.Payload{Layout: layoutOf(t, "text: '<b> {{ .Reason }}'\nlist: !json '[{{ toJson .Reason }}]'")})
	require.NoError(t, err)
	got, err := layout(ev)
	require.NoError(t, err)
	assert.JSONEq(t, `{"text":"<b> a&lt;b","list":["a<b"]}`, string(got), "toJson has made it harmless already")
}

// Without an escape function every value prints as text/template prints it.
func TestEscapingChangesNothingElse(t *testing.T) {
	ev := event.Sample()
	c := NewCompiler().Escaping(func(s string) string { return s })
	for _, text := range []string{
		"{{ .Series }}", "{{ .Related }}", "{{ .EventTime }}", "{{ .InvolvedObject.OwnerReferences }}", "{{ .Source }}", "{{ .GetTimestampMs }}",
		"{{ .UID }}", "{{ .ObjectMeta.DeletionTimestamp }}", "{{ .InvolvedObject.Deleted }}", "{{ .ToJSON }}", "{{ .Count }}",
	} {
		f, err := c.Template(sinks.Template{Text: text})
		require.NoError(t, err, text)
		got, err := f(ev)
		require.NoError(t, err, text)
		want, err := compiled(t, text)(ev)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

// What escaped templates can see of the involved object counts too.
func TestEscapingSharesWhatWasFound(t *testing.T) {
	c := NewCompiler()
	_, err := c.Escaping(strings.ToUpper).Template(sinks.Template{Text: "{{ .InvolvedObject.Labels.app }}{{ .Series.Count }}"})
	require.NoError(t, err)
	assert.Equal(t, Uses{Labels: true}, c.Uses())
	assert.Len(t, c.Warnings(), 1)
}
