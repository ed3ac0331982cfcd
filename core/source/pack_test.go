package source

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Every event comes back as it was, through all dictionaries, and also when raw
// is used again by whoever reads it.
func TestWhatIsPackedComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"Back-off restarting failed container ", "web-5f8", "\x00\xff", "kubelet", strings.Repeat("x", 3000)})
		var p packer
		var held []packed
		var want []string
		var raw, scratch []byte
		for i := range rapid.IntRange(0, 300).Draw(t, "events") {
			raw = append(raw[:0], strings.Join(rapid.SliceOfN(word, 0, 5).Draw(t, "words"), fmt.Sprint(i))+"!"...)
			want = append(want, string(raw))
			held = append(held, p.pack(raw))
			if rapid.IntRange(0, 99).Draw(t, "elsewhere") == 0 {
				p.count = sampleEvery
			}
		}
		for i, h := range held {
			got, err := h.unpack(scratch)
			if err != nil || string(got) != want[i] || h.size != len(want[i]) {
				t.Fatalf("%q came back as %q, %v", want[i], got, err)
			}
			scratch = got
			if again := p.pack([]byte(want[i])); !h.holdsSame(again) || h.holdsSame(p.pack([]byte(want[i]+"."))) || h.holdsSame(p.pack([]byte(want[i][:len(want[i])-1]+"."))) {
				t.Fatalf("%q is not the same as itself, or as another", want[i])
			}
		}
	})
}

// What is alike is small, and what cannot be made smaller is not made larger.
func TestPackingIsWorthIt(t *testing.T) {
	var p packer
	size := 0
	for i := range 1000 {
		raw := fmt.Appendf(nil, "Back-off restarting failed container=main pod=web-%d_shop on node ip-10-0-%d-7.eu-west-1.compute.internal", i*7919, i%50)
		h := p.pack(raw)
		if i >= 500 {
			size += 100 * len(h.data) / h.size
		}
	}
	assert.Less(t, size/500, 40, "percent")
	random := []byte("\x01\x92\x07\xee")
	assert.Equal(t, random, p.pack(random).data)
}

func TestWhatIsDamagedIsAnError(t *testing.T) {
	var p packer
	for len(p.sample) < sampleBytes {
		p.pack(bytes.Repeat([]byte("event "), 50))
	}
	h := p.pack(bytes.Repeat([]byte("event "), 50))
	require.NotNil(t, h.dict)
	h.data = h.data[:1]
	_, err := h.unpack(nil)
	require.ErrorContains(t, err, "unpack an event")
}

func BenchmarkPack(b *testing.B) {
	raw := []byte(strings.Repeat("Back-off restarting failed container ", 10))
	var p packer
	b.ReportAllocs()
	for b.Loop() {
		p.pack(raw)
	}
}
