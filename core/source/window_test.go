package source

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/state"
)

// history is a collection that changes between and during scans, as an API
// server's does: events are created, updated and expire, snapshots are compacted
// away, pages are asked for twice.
type history struct {
	t       *rapid.T
	version int
	live    map[string]stored // by name
	past    map[int]map[string]stored
	gone    int
}

type stored struct {
	version int
	size    int
}

func (h *history) change(n int) {
	for range n {
		h.version += rapid.IntRange(1, 3).Draw(h.t, "step")
		name := "e" + strconv.Itoa(rapid.IntRange(0, 40).Draw(h.t, "name"))
		if rapid.IntRange(0, 9).Draw(h.t, "expires") == 0 {
			delete(h.live, name)
			continue
		}
		h.live[name] = stored{h.version, rapid.IntRange(1, 60).Draw(h.t, "size")}
	}
	h.past[h.version] = maps.Clone(h.live)
}

func (h *history) scan(_ context.Context, at string, offer func(string, []byte) error) (snapshot, error) {
	items, version := h.live, h.version
	if at != "" {
		if h.gone++; h.gone < mostGone && rapid.IntRange(0, 3).Draw(h.t, "compacted") == 0 {
			h.change(rapid.IntRange(0, 5).Draw(h.t, "meanwhile"))
			return snapshot{}, errSnapshotGone
		}
		version, _ = strconv.Atoi(at)
		items = h.past[version]
	}
	items = maps.Clone(items)
	names := slices.Sorted(maps.Keys(items))
	cut := len(names) + 1
	if rapid.IntRange(0, 3).Draw(h.t, "expiresInMidList") == 0 {
		cut = rapid.IntRange(0, len(names)).Draw(h.t, "cut")
	}
	for i, name := range names {
		it := items[name]
		if i >= cut {
			// The rest comes from the present: updated, gone, or as it was. Or there
			// is no token to go on with.
			if i == cut {
				if h.gone++; h.gone < mostGone && rapid.Bool().Draw(h.t, "noToken") {
					return snapshot{}, errSnapshotGone
				}
				h.change(rapid.IntRange(0, 10).Draw(h.t, "meanwhile"))
			}
			now, ok := h.live[name]
			if !ok {
				continue
			}
			it = now
		}
		for range rapid.IntRange(1, 2).Draw(h.t, "offers") {
			if err := offer(strconv.Itoa(it.version), raw(name, it)); err != nil {
				return snapshot{}, err
			}
		}
	}
	return snapshot{version: strconv.Itoa(version)}, nil
}

func raw(name string, s stored) []byte {
	return []byte(name + "=" + strconv.Itoa(s.version) + strings.Repeat(".", s.size))
}

func decodeTest(raw []byte) (*event.Event, error) {
	name, rest, _ := strings.Cut(string(raw), "=")
	return &event.Event{Event: corev1.Event{ObjectMeta: metav1.ObjectMeta{
		Name: name, ResourceVersion: strings.TrimRight(rest, "."),
	}}}, nil
}

// TestWindow: whatever happens between and during the scans, every event arrives
// with the version it had at the last snapshot, in order, within the memory
// bound, and no cursor passes one that was turned away.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &history{t: t, live: map[string]stored{}, past: map[int]map[string]stored{}}
		h.change(rapid.IntRange(1, 80).Draw(t, "events"))
		from := rapid.IntRange(0, h.version).Draw(t, "from")
		w := window{
			trim: func(raw []byte) []byte { return raw },
			scan: h.scan, decode: decodeTest,
			memory:     rapid.IntRange(1, 4000).Draw(t, "memory"),
			pageEvents: rapid.IntRange(1, 10).Draw(t, "pageEvents"),
			pageBytes:  rapid.IntRange(1, 300).Draw(t, "pageBytes"),
		}
		got := map[string]string{}
		last := from
		cursor := state.Cursor{ResourceVersion: strconv.Itoa(from)}
		err := w.read(t.Context(), cursor, func(p Page) bool {
			next := number(t, p.Next.ResourceVersion)
			if next < last {
				t.Fatalf("cursor went back from %d to %d", last, next)
			}
			for _, ev := range p.Events {
				v := number(t, ev.ResourceVersion)
				if v <= last || v > next {
					t.Fatalf("version %d handed out between cursors %d and %d", v, last, next)
				}
				last = v
				got[ev.Name] = ev.ResourceVersion
			}
			if len(p.Events) > w.pageEvents {
				t.Fatalf("a page of %d events", len(p.Events))
			}
			last = next
			return true
		})
		require.NoError(t, err)
		for name, it := range h.past[last] {
			now, alive := h.live[name]
			if it.version <= from || !alive || now != it {
				continue // not asked for, or changed since: the next read brings that
			}
			assert.Equal(t, strconv.Itoa(it.version), got[name], "event %s", name)
		}
	})
}

// TestWindowMemory: what is kept never exceeds the budget but by one event.
func TestWindowMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := &keeper{budget: rapid.IntRange(1, 5000).Draw(t, "budget")}
		offered := map[string]bool{}
		for _, v := range rapid.SliceOfN(rapid.IntRange(1, 1000), 1, 200).Draw(t, "versions") {
			version := strconv.Itoa(v)
			require.NoError(t, k.offer(version, make([]byte, rapid.IntRange(0, 200).Draw(t, "size"))))
			offered[version] = true
			if k.bytes > k.budget && len(k.items) > 1 {
				t.Fatalf("%d bytes kept with a budget of %d", k.bytes, k.budget)
			}
		}
		if !k.evicted {
			require.Len(t, k.versions(), len(offered))
			return
		}
		for version := range offered {
			kept := slices.Contains(k.versions(), version)
			if compare(version, k.highest()) <= 0 != kept {
				t.Fatalf("version %s: kept %v, highest kept is %s", version, kept, k.highest())
			}
		}
	})
}

func (k *keeper) versions() []string {
	var out []string
	for _, it := range k.items {
		if !slices.Contains(out, it.version) {
			out = append(out, it.version)
		}
	}
	return out
}

func number(t *rapid.T, s string) int {
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

func TestMalformedVersionIsAnError(t *testing.T) {
	w := window{decode: decodeTest, memory: 1000, pageEvents: 10, pageBytes: 1000}
	w.scan = func(_ context.Context, _ string, offer func(string, []byte) error) (snapshot, error) {
		return snapshot{version: "7"}, offer("abc", nil)
	}
	err := w.read(t.Context(), state.Cursor{ResourceVersion: "3"}, func(Page) bool { return true })
	require.ErrorContains(t, err, "not well formed")
}

// What is turned away gives its room to what is kept: else there were a list for
// every few events.
func TestKeeperUsesItsBudget(t *testing.T) {
	k := &keeper{budget: 20_000}
	for i := range 1000 {
		require.NoError(t, k.offer(fmt.Sprint(1+(i*7919)%1000), make([]byte, 100)))
	}
	held := 0
	for _, item := range k.items {
		held += item.bytes()
	}
	assert.Equal(t, held, k.bytes)
	assert.LessOrEqual(t, held, k.budget)
	assert.Greater(t, held, k.budget-2*(100+overhead))
}

func BenchmarkKeeper(b *testing.B) {
	body := make([]byte, 700)
	for b.Loop() {
		k := &keeper{budget: 8 << 20}
		for i := range 20000 {
			_ = k.offer(fmt.Sprint(1+(i*7919)%20000), body)
		}
	}
}
