package source

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/randfill"
)

// What is held is what was sent, but for managedFields.
func TestTrimLeavesOutManagedFieldsOnly(t *testing.T) {
	fill := randfill.NewWithSeed(1).NilChance(.3).NumElements(0, 4).Funcs(
		func(f *metav1.FieldsV1, c randfill.Continue) { f.SetRawString(`{"f:count":{}}`) },
	)
	var tr trimmer
	for range 500 {
		var ev corev1.Event
		fill.Fill(&ev)
		ev.ManagedFields = append(ev.ManagedFields, metav1.ManagedFieldsEntry{Manager: "kubelet"})
		raw, err := ev.Marshal()
		require.NoError(t, err)
		trimmed := tr.trim(raw)
		assert.Less(t, len(trimmed), len(raw))
		assert.Equal(t, versionOf(raw), versionOf(trimmed))

		var want, got corev1.Event
		require.NoError(t, want.Unmarshal(raw))
		require.NoError(t, got.Unmarshal(trimmed))
		want.ManagedFields = nil
		require.True(t, reflect.DeepEqual(want, got), "want %v, got %v", want, got)
	}
}

// The decoder says what is wrong with it; it must get to see it.
func TestTrimLeavesAloneWhatIsNoEvent(t *testing.T) {
	ev := corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "a", ResourceVersion: "7"}, Reason: "r"}
	raw, err := ev.Marshal()
	require.NoError(t, err)
	var tr trimmer
	for cut := range raw {
		for _, broken := range [][]byte{raw[:cut], append([]byte{0x0a, 0x02, 0xff, 0xff}, raw[cut:]...)} {
			_, wantErr := decodeProtobuf(broken, "")
			_, err := decodeProtobuf(tr.trim(broken), "")
			assert.Equal(t, wantErr != nil, err != nil, "%x", broken)
		}
	}
}

func FuzzTrim(f *testing.F) {
	f.Add([]byte{0x0a, 0x02, 0x8a, 0x01})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var tr trimmer
		var want, got corev1.Event
		if want.Unmarshal(raw) != nil {
			return
		}
		require.NoError(t, got.Unmarshal(tr.trim(raw)))
		want.ManagedFields = nil
		got.ManagedFields = nil
		assert.Equal(t, want.String(), got.String())
	})
}
