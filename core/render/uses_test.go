package render

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks"
)

func TestUses(t *testing.T) {
	none := Uses{}
	for text, want := range map[string]Uses{
		"constant":            none,
		"{{ .Message }}":      none,
		"{{ .Labels }}":       none, // the event's own
		"{{ .GetLabels }}":    none,
		"{{ toJson .Event }}": none,
		"{{ .Event.InvolvedObject }}{{ .InvolvedObject.ObjectReference }}{{ .InvolvedObject.String }}{{ .String }}": none,
		"{{ $.Message }}{{ $m := .Message }}{{ $m }}":                                                               none,
		"{{ with .InvolvedObject }}{{ .Name }}{{ end }}":                                                            none,
		"{{ if .InvolvedObject }}{{ .GetTimestampMs }}{{ .ID }}{{ end }}":                                           none,
		"{{ .DeDot.Message }}":                                                             none,
		"{{ .InvolvedObject.Labels }}":                                                     {Labels: true},
		"{{ .InvolvedObject.Labels.app }}":                                                 {Labels: true},
		"{{ index .InvolvedObject.Labels \"x\" }}":                                         {Labels: true},
		"{{ $.InvolvedObject.Annotations.a }}":                                             {Annotations: true},
		"{{ range .InvolvedObject.OwnerReferences }}{{ .Name }}{{ end }}":                  {OwnerReferences: true},
		"{{ if .InvolvedObject.Deleted }}x{{ end }}":                                       {Deleted: true},
		"{{ if false }}{{ .InvolvedObject.Deleted }}{{ end }}":                             {Deleted: true},
		"{{ with .InvolvedObject }}{{ .Labels.app }}{{ end }}":                             {Labels: true},
		"{{ (.InvolvedObject).Labels }}":                                                   {Labels: true},
		"{{ .DeDot.InvolvedObject.Labels.app }}":                                           {Labels: true},
		"{{ .Event.Reason }}{{ len .InvolvedObject.Labels }}{{ .InvolvedObject.Deleted }}": {Labels: true, Deleted: true},
		"{{ toJson . }}":                           everything,
		"{{ . | toJson }}":                         everything,
		"{{ printf \"%v\" $ }}":                    everything,
		"{{ . }}":                                  everything,
		"{{ .InvolvedObject }}":                    everything,
		"{{ toJson .InvolvedObject }}":             everything,
		"{{ printf \"%s\" .ToJSON }}":              everything,
		"{{ toJson .DeDot }}":                      everything,
		"{{ $o := .InvolvedObject }}{{ $o.Name }}": everything,
		"{{ with $o := .InvolvedObject }}{{ $o.Name }}{{ end }}":             everything,
		"{{ define \"x\" }}{{ .Message }}{{ end }}{{ template \"x\" . }}":    everything,
		"{{ range list . }}{{ .Message }}{{ end }}":                          everything,
		"{{ (default .InvolvedObject nil).Name }}":                           everything,
		"{{ with and . }}x{{ end }}":                                         everything,
		"{{ if eq .Type \"x\" }}{{ with (dict \"e\" .) }}{{ end }}{{ end }}": everything,
	} {
		c := NewCompiler()
		_, err := c.Template(sinks.Template{Text: text})
		require.NoError(t, err, text)
		assert.Equal(t, want, c.Uses(), text)
	}
}

func TestUsesOfALayoutAndOfAllTogether(t *testing.T) {
	c := NewCompiler()
	_, err := c.Payload(sinks.Payload{Layout: layoutOf(t, "a: [{b: '{{ .InvolvedObject.Labels.x }}'}]\nc: x")})
	require.NoError(t, err)
	assert.Equal(t, Uses{Labels: true}, c.Uses())
	_, err = c.Template(sinks.Template{Text: "{{ .InvolvedObject.Deleted }}"})
	require.NoError(t, err)
	assert.Equal(t, Uses{Labels: true, Deleted: true}, c.Uses())
	assert.False(t, c.DefaultPayload())
	assert.True(t, c.Uses().Any())
	assert.False(t, Uses{}.Any())
	assert.Equal(t, everything, Uses{Labels: true, Deleted: true}.Merge(Uses{Annotations: true, OwnerReferences: true}))
}

// A method that is added to Event must be judged: can it see the metadata of
// the involved object?
func TestOwnMethodsAreKnown(t *testing.T) {
	var own []string
	for m := range reflect.PointerTo(eventType).Methods() {
		if _, ok := reflect.PointerTo(eventType.Field(0).Type).MethodByName(m.Name); !ok {
			own = append(own, m.Name)
		}
	}
	assert.Equal(t, []string{
		"Component", "DeDot", "GetTimestampISO8601", "GetTimestampMs", "Host", "ID", "Occurrences", "Owner", "Time", "ToJSON",
	}, own)
	for i := range involvedType.NumField() {
		name := involvedType.Field(i).Name
		if name == "ObjectReference" {
			continue
		}
		_, known := reflect.TypeFor[Uses]().FieldByName(name)
		assert.True(t, known, "Uses does not know .InvolvedObject.%s", name)
	}
}
