package statetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
)

func largeEvent(t *testing.T, s DeadLetterStorage) {
	d := letter("dump", "uid.1")
	d.Event = json.RawMessage(`{"message":"` + strings.Repeat("é", 1<<19) + `"}`)
	d.Body = bytes.Repeat([]byte{0xff}, 1<<20)
	put(t, s.Open(t), d)
	requireLetters(t, s, d)
}

// hugeBody: a body can be rendered again, an event cannot be had again. A dead
// letter that is refused would be owed for ever.
func hugeBody(t *testing.T, s DeadLetterStorage) {
	d := letter("dump", "uid.1")
	d.Body = make([]byte, state.MaxDeadLetter)
	put(t, s.Open(t), d)
	d.Body = nil
	requireLetters(t, s, d)
}

func brokenWrite(t *testing.T, s DeadLetterStorage) {
	large := letter("dump", "uid.1")
	large.Body = make([]byte, 1<<20)
	require.Error(t, s.CuttingWrites(t).Put(t.Context(), large))
	requireLetters(t, s)

	small := letter("dump", "uid.1")
	put(t, s.Open(t), small)
	require.Error(t, s.CuttingWrites(t).Put(t.Context(), large))
	requireLetters(t, s, small)

	put(t, s.Open(t), large)
	requireLetters(t, s, large)
}

func manyPages(t *testing.T, s DeadLetterStorage, n int) {
	d := letter("dump", "")
	for i := range n {
		d.ID = fmt.Sprintf("uid.%d", i)
		raw, err := state.EncodeDeadLetter(d)
		require.NoError(t, err)
		s.Plant(t, state.DeadLetterName(d.Key()), raw)
	}
	letters := s.Open(t)
	seen := map[string]bool{}
	for d, err := range letters.All(t.Context()) {
		require.NoError(t, err)
		require.False(t, seen[d.ID], "%s came twice", d.ID)
		seen[d.ID] = true
		if len(seen)%2 == 0 {
			require.NoError(t, letters.Delete(t.Context(), d.Key()))
		}
	}
	require.Equal(t, n, len(seen), "so many came") //nolint:testifylint // Len would print all of them
	left := len(stored(t, s))
	require.Equal(t, n-n/2, left)
}

func boundedMemory(t *testing.T, s DeadLetterStorage) {
	const n, size = 24, 1 << 20
	d := letter("dump", "")
	d.Body = make([]byte, size)
	for i := range n {
		d.ID = fmt.Sprintf("uid.%d", i)
		raw, err := state.EncodeDeadLetter(d)
		require.NoError(t, err)
		s.Plant(t, state.DeadLetterName(d.Key()), raw)
	}
	before, most, seen := heap(), uint64(0), 0
	for _, err := range s.Open(t).All(t.Context()) {
		require.NoError(t, err)
		if seen++; seen%4 == 0 {
			most = max(most, heap())
		}
	}
	require.Equal(t, n, seen)
	require.Less(t, most, before+n*size/2, "more than a few are in memory at once")
}

// heap is what is in use, by what is still needed.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func leftEarly(t *testing.T, s DeadLetterStorage) {
	put(t, s.Open(t), letter("dump", "uid.1"))
	put(t, s.Open(t), letter("dump", "uid.2"))
	letters := s.Open(t)
	for range 3 {
		n := 0
		for _, err := range letters.All(t.Context()) {
			require.NoError(t, err)
			n++
			break
		}
		require.Equal(t, 1, n)
	}
	s.Plant(t, "0.json", []byte("garbage"))
	for _, err := range letters.All(t.Context()) {
		if err != nil {
			break // a caller may stop at an error too
		}
	}
}

func concurrentPuts(t *testing.T, s DeadLetterStorage) {
	const writers, each = 8, 4
	letters := s.Open(t)
	var wg sync.WaitGroup
	var want []state.DeadLetter
	for w := range writers {
		own := letters
		if w%2 == 0 {
			own = s.Open(t) // as another process
		}
		for i := range each {
			want = append(want, letter("dump", fmt.Sprintf("uid.%d.%d", w, i)))
		}
		mine := want[len(want)-each:]
		wg.Go(func() {
			for i, d := range mine {
				shared := letter("dump", "shared")
				shared.Attempts, shared.Body = w, bytes.Repeat([]byte{byte(w)}, 1000*(w+1))
				if err := own.Put(t.Context(), d); err != nil {
					t.Errorf("put %d of writer %d: %v", i, w, err)
				}
				if err := own.Put(t.Context(), shared); err != nil {
					t.Errorf("put of the shared one by writer %d: %v", w, err)
				}
				for _, err := range own.All(t.Context()) {
					if err != nil {
						t.Errorf("a reader sees half of one: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	found := stored(t, s)
	require.Equal(t, writers*each+1, len(found), "so many are stored") //nolint:testifylint // Len would print all of them
	for _, d := range want {
		requireEqual(t, d, found[d.Key()])
	}
	shared := found[letter("dump", "shared").Key()]
	require.Equal(t, bytes.Repeat([]byte{byte(shared.Attempts)}, 1000*(shared.Attempts+1)), shared.Body, "it is one writer's whole")
}

// lostPut is why a dead letter has a Key: whoever does not get the answer puts
// it again.
func lostPut(t *testing.T, s DeadLetterStorage) {
	require.NotNil(t, s.LosingReply, "the harness has no way to lose a reply and no reason why")
	d := letter("dump", "uid.1")
	require.Error(t, s.LosingReply(t).Put(t.Context(), d), "a put without a reply must not look like a success")
	requireLetters(t, s, d)
	put(t, s.Open(t), d)
	requireLetters(t, s, d)
	require.Error(t, s.LosingReply(t).Delete(t.Context(), d.Key()))
	requireLetters(t, s)
	require.NoError(t, s.Open(t).Delete(t.Context(), d.Key()))
}
