package event

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/randfill"
)

// The event is written as encoding/json writes it, with any field set or not.
func TestToJSONIsWhatEncodingJSONWrites(t *testing.T) {
	texts := []string{"", "a", "<script>&amp;", "\u2028\u2029", "\xff\xc0a", "\x00\x1f\b\f\n\r\t\\\"", "é世界\U0001F600", "\xe2\x80"}
	fill := randfill.NewWithSeed(7).NilChance(.4).NumElements(0, 20).Funcs(
		func(s *string, c randfill.Continue) {
			*s = texts[c.Intn(len(texts))] + c.String(3) + texts[c.Intn(len(texts))]
		},
		func(m *[]metav1.ManagedFieldsEntry, _ randfill.Continue) { *m = nil },
		func(tm *metav1.Time, c randfill.Continue) {
			if c.Bool() {
				*tm = metav1.Unix(c.Int63n(1<<40), c.Int63n(1e9))
			}
		},
		func(tm *metav1.MicroTime, c randfill.Continue) {
			if c.Bool() {
				*tm = metav1.NewMicroTime(metav1.Unix(c.Int63n(1<<35), c.Int63n(1e9)).Time)
			}
		},
	)
	for range 2000 {
		var ev Event
		fill.Fill(&ev)
		want, err := json.Marshal(&ev)
		require.NoError(t, err)
		require.Equal(t, string(want), string(ev.ToJSON()))
		require.Equal(t, "x"+string(want), string(ev.appendJSON([]byte("x"))))
	}
}

func TestToJSONOfAnEventWithManagedFields(t *testing.T) {
	ev := Sample()
	ev.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet", FieldsV1: &metav1.FieldsV1{}}}
	ev.ManagedFields[0].FieldsV1.SetRawString(`{"f:count":{}}`)
	want, err := json.Marshal(ev)
	require.NoError(t, err)
	require.Equal(t, string(want), string(ev.ToJSON()))
}
