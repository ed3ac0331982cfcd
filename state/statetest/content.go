package statetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
)

func unknownFieldsSurvive(t *testing.T, s Storage) {
	s.Write(t, []byte(`{
		"version": 1, "revision": 4, "future": {"deep": [true, null]},
		"lease": {"holder": "", "expires": "2026-01-02T03:04:05Z", "future": "l"},
		"clusters": {"uid-1": {"dump": {"resourceVersion": "1", "readAt": "2026-01-02T03:04:05Z", "future": "c"}}}
	}`))
	store := s.Open(t)
	c, token, err := store.Load(t.Context())
	require.NoError(t, err)
	c.Revision++
	c.Lease.Holder = "a"
	c.Set("uid-1", "dump", state.Cursor{ResourceVersion: "2"})
	commit(t, store, c, token)

	var raw struct {
		Revision int64
		Future   json.RawMessage
		Lease    struct{ Holder, Future string }
		Clusters map[string]map[string]struct{ ResourceVersion, Future string }
	}
	require.NoError(t, json.Unmarshal(s.Read(t), &raw))
	require.Equal(t, int64(5), raw.Revision)
	require.JSONEq(t, `{"deep": [true, null]}`, string(raw.Future))
	require.Equal(t, "a", raw.Lease.Holder)
	require.Equal(t, "l", raw.Lease.Future)
	require.Equal(t, "2", raw.Clusters["uid-1"]["dump"].ResourceVersion)
	require.Equal(t, "c", raw.Clusters["uid-1"]["dump"].Future)
}

func higherVersion(t *testing.T, s Storage) {
	raw := fmt.Sprintf(`{"version": %d, "clusters": "another shape"}`, state.Version+1)
	requireUnreadable(t, s, raw, "use a newer release")
}

func garbage(t *testing.T, s Storage) {
	whole := encoded(t, at(1, "a"))
	for name, raw := range map[string]string{
		"nothing":          "",
		"a text":           "hello",
		"half of one":      whole[:len(whole)/2],
		"JSON of another":  `{"apiVersion": "v1", "kind": "ConfigMap"}`,
		"a cursor cut off": strings.Replace(whole, `"42"`, `"42x"`, 1),
	} {
		t.Run(name, func(t *testing.T) { requireUnreadable(t, s, raw, "") })
	}
}

func requireUnreadable(t *testing.T, s Storage, raw, says string) {
	t.Helper()
	s.Write(t, []byte(raw))
	store := s.Open(t)
	c, _, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrUnreadable)
	require.NotErrorIs(t, err, state.ErrNotFound, "it would be taken for a first run")
	require.ErrorContains(t, err, says)
	require.Equal(t, state.Checkpoint{}, c)

	_, err = store.Commit(t.Context(), at(1, "a"), "")
	require.ErrorIs(t, err, state.ErrConflict, "something is there, so it cannot be created")
	require.Equal(t, raw, string(s.Read(t)))
}

// replaceUnreadable: the way out of a broken checkpoint, for the person who
// asks for it; a run never does this by itself.
func replaceUnreadable(t *testing.T, s Storage) {
	s.Write(t, []byte("garbage"))
	store := s.Open(t)
	_, token, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrUnreadable)
	requireStored(t, s, at(1, "a"), commit(t, store, at(1, "a"), token))

	s.Write(t, []byte("garbage"))
	_, token, err = store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrUnreadable)
	s.Write(t, []byte("other garbage"))
	_, err = store.Commit(t.Context(), at(1, "a"), token)
	require.ErrorIs(t, err, state.ErrConflict, "it is still compare-and-swap")
	require.Equal(t, "other garbage", string(s.Read(t)))
}

func unreadableIsNotWritten(t *testing.T, s Storage) {
	store := s.Open(t)
	token := commit(t, store, at(1, "a"), firstToken(t, s))
	next := at(2, "a")
	next.Set("uid-1", "dump", state.Cursor{ResourceVersion: "not one"})
	_, err := store.Commit(t.Context(), next, token)
	require.ErrorContains(t, err, "not one")
	require.NotErrorIs(t, err, state.ErrConflict)
	requireStored(t, s, at(1, "a"), token)
}

// largest: a checkpoint of exactly Limits().Bytes is taken. One byte more is
// refused before anything is written, with both numbers in the error. A store
// without a limit takes one that is larger than a ConfigMap.
func largest(t *testing.T, s Storage) {
	const noLimit = 1<<20 + 1
	store := s.Open(t)
	limits := store.Limits()
	require.GreaterOrEqual(t, limits.Interval, time.Duration(0))
	require.Equal(t, limits, s.Open(t).Limits(), "limits never change")
	size := limits.Bytes
	if size == 0 {
		size = noLimit
	}
	full := sized(t, size)
	over := full
	over.Lease.Holder += "h"
	none := firstToken(t, s)
	if limits.Bytes > 0 {
		_, err := store.Commit(t.Context(), over, none)
		requireTooLarge(t, err, size)
		require.Nil(t, s.Read(t), "nothing was created")
	}
	token := commit(t, store, full, none)
	full.Revision++
	token = commit(t, store, full, token)
	if limits.Bytes > 0 {
		_, err := store.Commit(t.Context(), over, token)
		requireTooLarge(t, err, size)
	}
	requireStored(t, s, full, token)
}

func requireTooLarge(t *testing.T, err error, limit int) {
	t.Helper()
	require.ErrorContains(t, err, fmt.Sprint(limit))
	require.ErrorContains(t, err, fmt.Sprint(limit+1))
	require.NotErrorIs(t, err, state.ErrConflict)
}

// sized is a checkpoint of exactly n encoded bytes: many cursors, whose quotes
// grow when they are packed into a request, and one receiver's memory.
func sized(t *testing.T, n int) state.Checkpoint {
	t.Helper()
	c := at(1, "")
	for i := range min(n/2/150, 1000) {
		c.Set("uid-2", fmt.Sprintf("receiver-%06d", i), state.Cursor{ResourceVersion: "1", ReadAt: time.Unix(0, 0).UTC()})
	}
	c.Set("uid-1", "big", state.Cursor{State: []byte{0}})
	free := n - len(encoded(t, c))
	c.Set("uid-1", "big", state.Cursor{State: make([]byte, free/4*3)})
	c.Lease.Holder = strings.Repeat("h", n-len(encoded(t, c)))
	require.Len(t, encoded(t, c), n)
	return c
}
