package source

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/s2"
)

// packed is an event that is held in less memory than it has bytes. Without a
// dictionary it is held as it is.
type packed struct {
	dict *s2.Dict
	data []byte
	size int // of the event
}

// A packer compresses each event by itself, since each may have to be given up,
// and against a few of its neighbours, since events are alike: 420 bytes of a
// short event become 150, for 1.1 µs, and in 0.2 µs they are back (measured).
// It is used by one goroutine.
type packer struct {
	sample  []byte // becomes the next dictionary
	dict    *s2.Dict
	count   int // of events since the last dictionary
	scratch []byte
}

const (
	// sampleBytes are enough: five times as many made a short event 3 bytes smaller and packing it half as slow again.
	sampleBytes = 8 << 10
	// sampleEvery is how many events have a dictionary in common. A list is in the order of namespaces, which differ.
	sampleEvery = 4096
)

// pack copies raw.
func (p *packer) pack(raw []byte) packed {
	p.learn(raw)
	if p.dict != nil {
		p.scratch = p.dict.Encode(p.scratch[:cap(p.scratch)], raw)
		if len(p.scratch) < len(raw) {
			return packed{dict: p.dict, data: bytes.Clone(p.scratch), size: len(raw)}
		}
	}
	return packed{data: bytes.Clone(raw), size: len(raw)}
}

func (p *packer) learn(raw []byte) {
	if p.count++; p.count > sampleEvery {
		p.count, p.sample = 0, nil // the dictionary goes on holding the old one
	}
	if len(p.sample) >= sampleBytes {
		return
	}
	p.sample = append(p.sample, raw[:min(len(raw), sampleBytes-len(p.sample))]...)
	if len(p.sample) == sampleBytes {
		p.dict = s2.MakeDict(p.sample, nil)
	}
}

// unpack is good until the next call with the same scratch.
func (p packed) unpack(scratch []byte) ([]byte, error) {
	if p.dict == nil {
		return p.data, nil
	}
	raw, err := p.dict.Decode(scratch[:cap(scratch)], p.data)
	if err != nil {
		return nil, fmt.Errorf("unpack an event: %w", err)
	}
	return raw, nil
}

// holdsSame compares events: the same one may be packed in two ways. What is
// damaged is not the same as anything, so that it is seen when it is decoded.
func (p packed) holdsSame(other packed) bool {
	if p.size != other.size {
		return false
	}
	a, err := p.unpack(nil)
	if err != nil {
		return false
	}
	b, err := other.unpack(nil)
	return err == nil && bytes.Equal(a, b)
}
