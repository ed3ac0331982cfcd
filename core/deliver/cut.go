package deliver

import (
	"slices"
	"time"

	"github.com/packetboat/packetboat/sinks"
)

// item is a record and the place in the ledger that waits for it.
type item struct {
	record sinks.Record
	entry  *entry
	events int // how many are settled with it: 1, or 0 for a message that stands for others
}

// A cutter gathers records into batches that share a key and respect the
// bounds. All that it holds together is bounded too: with many keys the oldest
// batch goes before it is full.
type cutter struct {
	bounds  Batch
	batches []*batch // oldest first
	byKey   map[string]*batch
	records int
	bytes   int
	timer   *time.Timer
}

type batch struct {
	key    string
	items  []item
	bytes  int
	opened time.Time
}

// openBatches is how many full batches' worth of records may wait at one time.
const openBatches = 4

func newCutter(bounds Batch) *cutter {
	return &cutter{bounds: bounds, byKey: map[string]*batch{}}
}

// add puts a record into its batch and returns the batches that must go now.
func (c *cutter) add(it item) [][]item {
	var out [][]item
	size := len(it.record.Body)
	b := c.byKey[it.record.Key]
	if b != nil && b.bytes+size > c.bounds.Bytes {
		out = append(out, c.take(b))
		b = nil
	}
	if b == nil {
		b = &batch{key: it.record.Key, opened: time.Now()}
		c.byKey[b.key] = b
		c.batches = append(c.batches, b)
	}
	b.items = append(b.items, it)
	b.bytes += size
	c.records++
	c.bytes += size
	if len(b.items) >= c.bounds.Records || b.bytes >= c.bounds.Bytes {
		return append(out, c.take(b))
	}
	for c.records > openBatches*c.bounds.Records || c.bytes > openBatches*c.bounds.Bytes {
		out = append(out, c.take(c.batches[0]))
	}
	return out
}

func (c *cutter) take(b *batch) []item {
	delete(c.byKey, b.key)
	c.batches = slices.DeleteFunc(c.batches, func(other *batch) bool { return other == b })
	c.records -= len(b.items)
	c.bytes -= b.bytes
	return b.items
}

// all returns every open batch.
func (c *cutter) all() [][]item {
	var out [][]item
	for len(c.batches) > 0 {
		out = append(out, c.take(c.batches[0]))
	}
	return out
}

// aged returns the batches that have waited long enough.
func (c *cutter) aged() [][]item {
	var out [][]item
	for len(c.batches) > 0 && time.Since(c.batches[0].opened) >= c.bounds.Age {
		out = append(out, c.take(c.batches[0]))
	}
	return out
}

// due fires when the oldest batch has waited long enough; it is nil, and so
// never fires, while nothing waits.
func (c *cutter) due() <-chan time.Time {
	if len(c.batches) == 0 {
		return nil
	}
	wait := time.Until(c.batches[0].opened.Add(c.bounds.Age))
	if c.timer == nil {
		c.timer = time.NewTimer(wait)
	} else {
		c.timer.Reset(wait)
	}
	return c.timer.C
}
