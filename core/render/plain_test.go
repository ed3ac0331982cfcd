package render

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
	"sigs.k8s.io/randfill"

	"github.com/packetboat/packetboat/core/event"
)

// A template that is not executed gives what executing it gives.
func TestPlainIsWhatTextTemplateGives(t *testing.T) {
	fields := rapid.SampledFrom([]string{
		".Message", ".Reason", ".Type", ".Count", ".Name", ".UID", ".ClusterName", ".Namespace", ".Source.Component", ".Source.Host", ".Generation",
		".InvolvedObject.Kind", ".InvolvedObject.UID", ".InvolvedObject.ObjectReference.Name", ".ObjectMeta.Name", ".GetTimestampMs",
		".GetTimestampISO8601", ".ID", ".Occurrences", ".Component", ".Host", ".Owner", ".GetName", ".LastTimestamp", ".Labels", ".InvolvedObject.Deleted",
	})
	literals := rapid.SampledFrom([]string{"", " ", "a/b: ", "\n", "é", "}"})
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		for range rapid.IntRange(1, 5).Draw(t, "parts") {
			text.WriteString(literals.Draw(t, "literal") + rapid.SampledFrom([]string{"{{ ", "{{- "}).Draw(t, "open") + fields.Draw(t, "field") + rapid.SampledFrom([]string{" }}", " -}}"}).Draw(t, "close"))
		}
		compiled, err := NewCompiler().text(source{text: text.String()})
		require.NoError(t, err)
		var ev event.Event
		randfill.NewWithSeed(rapid.Int64().Draw(t, "seed")).NilChance(.3).NumElements(0, 3).Fill(&ev)
		got, gotErr := compiled.append([]byte("x"), &ev)
		compiled.plain = nil
		want, wantErr := compiled.append([]byte("x"), &ev)
		assert.Equal(t, string(want), string(got), text.String())
		assert.Equal(t, wantErr, gotErr)
	})
}

func TestWhatIsPlain(t *testing.T) {
	for text, want := range map[string]bool{
		"{{ .Message }}": true, "{{ .Source.Component }}/{{ .Count }}": true, "{{ .GetTimestampISO8601 }}": true, "{{ .InvolvedObject.Name }}\n": true,
		"{{ .LastTimestamp }}": false, "{{ .Message | upper }}": false, "{{ .InvolvedObject.Labels.app }}": false, "{{ if .Message }}a{{ end }}": false,
		"{{ with .Series }}{{ .Count }}{{ end }}": false, "{{ .Time }}": false, "{{ $x := .Message }}{{ $x }}": false, `{{ "a" }}`: false,
	} {
		compiled, err := NewCompiler().text(source{text: text})
		require.NoError(t, err, text)
		assert.Equal(t, want, compiled.plain != nil, text)
	}
}

// What is too large is an error, however it was made.
func TestPlainIsOfBoundedSize(t *testing.T) {
	compiled, err := NewCompiler().text(source{text: "{{ .Message }}{{ .Message }}"})
	require.NoError(t, err)
	require.NotNil(t, compiled.plain)
	ev := event.Sample()
	ev.Message = strings.Repeat("x", maxOutput/2+1)
	got, err := compiled.append([]byte("x"), ev)
	require.ErrorIs(t, err, errTooLarge)
	assert.Equal(t, "x", string(got))
}
