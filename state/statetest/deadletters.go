package statetest

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
)

// DeadLetterHarness connects the suite to one kind of storage.
type DeadLetterHarness struct {
	// New makes an empty storage, removed by t.Cleanup.
	New func(t *testing.T) DeadLetterStorage
	// Page is how many names the implementation lists at a time.
	Page int
	// NoLostReply is the reason why a Put on this storage has no reply that could
	// get lost. It is set if and only if DeadLetterStorage.LosingReply is not.
	NoLostReply string
}

// DeadLetterStorage is one place where dead letters can be, seen from outside.
type DeadLetterStorage struct {
	// Open gives independent DeadLetters on this storage, as another process would
	// have them.
	Open func(t *testing.T) state.DeadLetters
	// Names are those of everything in the storage: those in the place of the dead
	// letters as they are, all others beginning with "/".
	Names func(t *testing.T) []string
	// Plant stores bytes under a name in the place of the dead letters.
	Plant func(t *testing.T, name string, raw []byte)
	// CuttingWrites gives DeadLetters where a Put of 1 MiB breaks off in the middle.
	CuttingWrites func(t *testing.T) state.DeadLetters
	// LosingReply gives DeadLetters whose every Put arrives and is applied, and
	// whose caller never sees the answer.
	LosingReply func(t *testing.T) state.DeadLetters
}

// RunDeadLetters checks an implementation against the whole contract of
// state.DeadLetters.
func RunDeadLetters(t *testing.T, h DeadLetterHarness) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s DeadLetterStorage)
	}{
		{"nothing stored", nothingStored},
		{"put, then all from another process", putThenAll},
		{"a repeat overwrites itself", repeatOverwrites},
		{"hostile names neither escape nor collide", hostileNames},
		{"delete is idempotent", deleteIsIdempotent},
		{"what could not be read back is not stored", refusedLetters},
		{"an event of 1 MiB", largeEvent},
		{"a body that is too large is left out", hugeBody},
		{"a cancelled call changes nothing", cancelledCalls},
		{"a write that breaks off leaves nothing behind", brokenWrite},
		{"what cannot be read is said, and the others follow", badLetters},
		{"what has another name is not touched", foreignFiles},
		{"all of three pages, deleted on the way", func(t *testing.T, s DeadLetterStorage) { manyPages(t, s, 2*h.Page+h.Page/10) }},
		{"one is in memory at a time", boundedMemory},
		{"a listing that is left early", leftEarly},
		{"concurrent puts", concurrentPuts},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, h.New(t)) })
	}
	if h.NoLostReply != "" {
		if h.New(t).LosingReply != nil {
			t.Error("the harness gives a reason why no reply can be lost, and a way to lose one")
		}
		t.Logf("no reply can be lost: %s", h.NoLostReply)
		return
	}
	t.Run("a lost reply, then the same again", func(t *testing.T) { lostPut(t, h.New(t)) })
}

// letter is a dead letter of this receiver and ID.
func letter(receiver, id string) state.DeadLetter {
	return state.DeadLetter{
		Receiver: receiver, ID: id, Reason: "400: größer <&> \"'\n\u2028", Attempts: 3,
		Time:  time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC),
		Event: json.RawMessage(`{"message":"grün","count":12345678901234567890,"nested":{"a":[null,true]}}`),
		Body:  []byte{0, 1, 255, '\n'},
	}
}

func put(t *testing.T, letters state.DeadLetters, d state.DeadLetter) {
	t.Helper()
	require.NoError(t, letters.Put(t.Context(), d))
}

// stored is everything that another process finds, by Key.
func stored(t *testing.T, s DeadLetterStorage) map[string]state.DeadLetter {
	t.Helper()
	found := map[string]state.DeadLetter{}
	for d, err := range s.Open(t).All(t.Context()) {
		require.NoError(t, err)
		_, twice := found[d.Key()]
		require.False(t, twice, "%s came twice", d.Key())
		found[d.Key()] = d
	}
	return found
}

func requireLetters(t *testing.T, s DeadLetterStorage, want ...state.DeadLetter) {
	t.Helper()
	found := stored(t, s)
	require.Equal(t, len(want), len(found), "so many are stored") //nolint:testifylint // Len would print a megabyte
	for _, d := range want {
		requireEqual(t, d, found[d.Key()])
	}
}

// requireEqual does not print what may be a megabyte.
func requireEqual(t *testing.T, want, got state.DeadLetter) {
	t.Helper()
	require.Equal(t, want.Receiver, got.Receiver)
	require.Equal(t, want.ID, got.ID)
	require.Equal(t, want.Reason, got.Reason)
	require.Equal(t, want.Attempts, got.Attempts)
	require.True(t, want.Time.Equal(got.Time), "%s, want %s", got.Time, want.Time)
	require.True(t, bytes.Equal(want.Event, got.Event), "the event, of %d bytes, comes back as another", len(want.Event))
	require.True(t, bytes.Equal(want.Body, got.Body), "the body, of %d bytes, comes back as another", len(want.Body))
}

func nothingStored(t *testing.T, s DeadLetterStorage) {
	before := s.Names(t)
	requireLetters(t, s)
	require.NoError(t, s.Open(t).Delete(t.Context(), letter("r", "1").Key()))
	require.Equal(t, before, s.Names(t), "looking creates nothing")
}

func putThenAll(t *testing.T, s DeadLetterStorage) {
	letters := s.Open(t)
	first, second := letter("dump", "uid.1"), letter("dump", "uid.2")
	second.Body = nil
	put(t, letters, first)
	requireLetters(t, s, first)
	put(t, letters, second)
	requireLetters(t, s, first, second)
	all := letters.All(t.Context())
	for round := range 2 {
		n := 0
		for _, err := range all {
			require.NoError(t, err)
			n++
		}
		require.Equal(t, 2, n, "round %d over one sequence", round)
	}
}

func repeatOverwrites(t *testing.T, s DeadLetterStorage) {
	d, other := letter("dump", "uid.1"), letter("dump", "uid.10")
	put(t, s.Open(t), other)
	for attempts := range 3 {
		d.Attempts = attempts
		d.Body = bytes.Repeat([]byte("x"), 1000-attempts*400) // a shorter one leaves nothing of the longer
		put(t, s.Open(t), d)
		requireLetters(t, s, d, other)
	}
}

// hostileNames: receivers come from a configuration and IDs from a cluster.
func hostileNames(t *testing.T, s DeadLetterStorage) {
	names := []string{
		"a", "A", "a/b", "a%2Fb", "b", "/", "//", ".", "..", "../..", "../../../../etc/passwd", ".hidden", ".lock", ".tmp",
		"a b", "a_b", "a\x00b", "a\nb", `a\b`, "C:\\x", "*", "?", "größer", "grösser", "gro\u0308ßer", "日本語", "\u202egnp.exe",
		strings.Repeat("x", 300), strings.Repeat("x", 299) + "y", strings.Repeat("é", 150), strings.Repeat("/", 300),
		"x.json", "con", "-rf", "~", "a\u2028b",
	}
	letters := s.Open(t)
	var want []state.DeadLetter
	for _, name := range names {
		want = append(want, letter(name, "uid.1"), letter("dump", name))
	}
	// These pairs would be one if they were joined by a slash.
	want = append(want, letter("a/b", "c"), letter("a", "b/c"), letter("a/b", "/c"), letter("a", "b//c"))
	before := s.Names(t)
	for _, d := range want {
		put(t, letters, d)
	}
	requireLetters(t, s, want...)
	for _, name := range s.Names(t) {
		require.True(t, slices.Contains(before, name) || !strings.HasPrefix(name, "/"), "%q is outside of the place for dead letters", name)
	}
	for i, d := range want {
		require.NoError(t, letters.Delete(t.Context(), d.Key()))
		if i%20 == 0 {
			requireLetters(t, s, want[i+1:]...)
		}
	}
	requireLetters(t, s)
}

func deleteIsIdempotent(t *testing.T, s DeadLetterStorage) {
	a, b := letter("dump", "uid.1"), letter("dump", "uid.2")
	put(t, s.Open(t), a)
	put(t, s.Open(t), b)
	for range 2 {
		require.NoError(t, s.Open(t).Delete(t.Context(), a.Key()))
		requireLetters(t, s, b)
	}
	for _, key := range []string{"", "/", "..", "dump", "dump/uid", "../" + b.Key()} {
		require.NoError(t, s.Open(t).Delete(t.Context(), key))
	}
	requireLetters(t, s, b)
	put(t, s.Open(t), a)
	requireLetters(t, s, a, b)
}

func refusedLetters(t *testing.T, s DeadLetterStorage) {
	before := s.Names(t)
	for name, change := range map[string]func(d *state.DeadLetter){
		"no receiver":           func(d *state.DeadLetter) { d.Receiver = "" },
		"no ID":                 func(d *state.DeadLetter) { d.ID = "" },
		"receiver not UTF-8":    func(d *state.DeadLetter) { d.Receiver = "\xff" },
		"ID not UTF-8":          func(d *state.DeadLetter) { d.ID = "\xff" },
		"no event":              func(d *state.DeadLetter) { d.Event = nil },
		"an event that is null": func(d *state.DeadLetter) { d.Event = json.RawMessage("null") },
		"an event cut off":      func(d *state.DeadLetter) { d.Event = d.Event[:10] },
	} {
		d := letter("dump", "uid.1")
		change(&d)
		require.ErrorContains(t, s.Open(t).Put(t.Context(), d), "encode dead letter", name)
	}
	require.Equal(t, before, s.Names(t))
}

func cancelledCalls(t *testing.T, s DeadLetterStorage) {
	d, other := letter("dump", "uid.1"), letter("dump", "uid.2")
	put(t, s.Open(t), d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	letters := s.Open(t)
	require.ErrorIs(t, letters.Put(ctx, other), context.Canceled)
	require.ErrorIs(t, letters.Delete(ctx, d.Key()), context.Canceled)
	var errs []error
	for _, err := range letters.All(ctx) {
		errs = append(errs, err)
	}
	require.Len(t, errs, 1, "it looks like an empty place, or goes on for ever")
	require.ErrorIs(t, errs[0], context.Canceled)
	requireLetters(t, s, d)

	put(t, s.Open(t), other)
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	errs = nil
	for _, err := range letters.All(ctx) {
		cancel()
		errs = append(errs, err)
	}
	require.Len(t, errs, 2)
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], context.Canceled)
}
