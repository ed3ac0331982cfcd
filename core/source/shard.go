package source

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// MaxShards bounds how many parts a cluster is split into: a change of their
// number reads the checkpoint of each.
const MaxShards = 256

// Shard is one part of a cluster: the events of some of its namespaces, by a hash
// of their names (FNV-1a, 32 bits, modulo Of), so that all events of one object
// are in one part. The zero Shard is all of the cluster.
type Shard struct{ Index, Of int }

// ParseShard reads i/n, counted from 0.
func ParseShard(text string) (Shard, error) {
	index, of, found := strings.Cut(text, "/")
	i, err := strconv.Atoi(index)
	n, ofErr := strconv.Atoi(of)
	switch {
	case !found || err != nil || ofErr != nil || i < 0 || n < 1:
		return Shard{}, fmt.Errorf("shard %q: want i/n, such as 0/4 for the first of 4", text)
	case i >= n:
		return Shard{}, fmt.Errorf("shard %q: they are counted from 0, so that the last one is %d/%d", text, n-1, n)
	case n > MaxShards:
		return Shard{}, fmt.Errorf("shard %q: at most %d", text, MaxShards)
	}
	return Shard{Index: i, Of: n}, nil
}

// Whole reports whether the shard is all of the cluster.
func (s Shard) Whole() bool { return s.Of <= 1 }

// Has reports whether a namespace belongs to the shard.
func (s Shard) Has(namespace string) bool {
	if s.Whole() {
		return true
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(namespace)) // never fails
	return h.Sum32()%uint32(s.Of) == uint32(s.Index)
}

// String is i/n, "" for all of the cluster.
func (s Shard) String() string {
	if s.Whole() {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Of)
}
