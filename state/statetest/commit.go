package statetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
)

// at is a checkpoint of this revision. Two of one revision and holder have
// equal bytes.
func at(revision int64, holder string) state.Checkpoint {
	read := time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	c := state.Checkpoint{
		Version:  state.Version,
		Revision: revision,
		Lease:    state.Lease{Holder: holder, Expires: read.Add(30 * time.Second)},
	}
	c.Set("uid-1", "dump", state.Cursor{ResourceVersion: "42", ReadAt: read, Marker: "41", State: []byte{0, 1, 255}})
	c.Set("uid-1", "größer <&> \"'\n\u2028", state.Cursor{ReadAt: read})
	c.Set("", "dump", state.Cursor{ResourceVersion: "184467440737095516160", ReadAt: read})
	return c
}

// commit commits what must succeed.
func commit(t *testing.T, store state.Store, next state.Checkpoint, old state.Token) state.Token {
	t.Helper()
	token, err := store.Commit(t.Context(), next, old)
	require.NoError(t, err)
	require.NotEmpty(t, token)
	require.NotEqual(t, old, token)
	return token
}

// requireStored checks that another process reads this checkpoint under this token.
func requireStored(t *testing.T, s Storage, want state.Checkpoint, token state.Token) {
	t.Helper()
	got, loaded, err := s.Open(t).Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, encoded(t, want), encoded(t, got))
	require.Equal(t, token, loaded)
}

func encoded(t *testing.T, c state.Checkpoint) string {
	t.Helper()
	b, err := state.Encode(c)
	require.NoError(t, err)
	return string(b)
}

func firstLoad(t *testing.T, s Storage) {
	store := s.Open(t)
	c, token, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	require.Equal(t, state.Checkpoint{}, c)
	_, again, err := s.Open(t).Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound, "a load creates nothing")
	require.Equal(t, token, again)
	require.Nil(t, s.Read(t))

	requireStored(t, s, at(1, "a"), commit(t, store, at(1, "a"), token))
}

func commitThenLoad(t *testing.T, s Storage) {
	store := s.Open(t)
	_, token, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	for revision := range int64(5) {
		token = commit(t, store, at(revision, "a"), token)
		requireStored(t, s, at(revision, "a"), token)
		require.Equal(t, encoded(t, at(revision, "a")), string(s.Read(t)), "the stored form is that of state.Encode")
	}
	other := s.Open(t)
	got, token, err := other.Load(t.Context())
	require.NoError(t, err)
	got.Revision++
	requireStored(t, s, got, commit(t, other, got, token))
}

func oneCreatorWins(t *testing.T, s Storage) {
	stores := make([]state.Store, 8)
	tokens := make([]state.Token, len(stores))
	for i := range stores {
		stores[i] = s.Open(t)
		_, token, err := stores[i].Load(t.Context())
		require.ErrorIs(t, err, state.ErrNotFound)
		tokens[i] = token
	}
	requireOneWinner(t, s, stores, func(i int) state.Token { return tokens[i] })
}

func concurrentCommits(t *testing.T, s Storage) {
	token := commit(t, s.Open(t), at(1, "first"), firstToken(t, s))
	stores := make([]state.Store, 32)
	for i := range stores {
		stores[i] = s.Open(t)
		if i%4 != 0 {
			stores[i] = stores[i-1] // one store may be called concurrently too
		}
	}
	requireOneWinner(t, s, stores, func(int) state.Token { return token })
}

func firstToken(t *testing.T, s Storage) state.Token {
	t.Helper()
	_, token, err := s.Open(t).Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	return token
}

// requireOneWinner lets every store commit at one time from a token that was good.
func requireOneWinner(t *testing.T, s Storage, stores []state.Store, token func(i int) state.Token) {
	t.Helper()
	results := make([]error, len(stores))
	won := make([]state.Token, len(stores))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, store := range stores {
		wg.Go(func() {
			<-start
			won[i], results[i] = store.Commit(t.Context(), at(2, holder(i)), token(i))
		})
	}
	close(start)
	wg.Wait()

	winner := -1
	for i, err := range results {
		if err == nil {
			require.Equal(t, -1, winner, "two commits from one token succeeded")
			winner = i
			continue
		}
		assert.ErrorIs(t, err, state.ErrConflict)
	}
	require.NotEqual(t, -1, winner, "nobody won")
	requireStored(t, s, at(2, holder(winner)), won[winner])
}

func holder(i int) string { return "holder-" + string(rune('A'+i)) }

func staleTokenConflicts(t *testing.T, s Storage) {
	none := firstToken(t, s)
	store := s.Open(t)
	first := commit(t, store, at(1, "a"), none)
	second := commit(t, s.Open(t), at(2, "b"), first)
	before := s.Read(t)
	for name, stale := range map[string]state.Token{"of the first run": none, "of the commit before": first} {
		_, err := store.Commit(t.Context(), at(3, "a"), stale)
		require.ErrorIs(t, err, state.ErrConflict, "token %s", name)
		require.Equal(t, before, s.Read(t), "token %s", name)
	}
	requireStored(t, s, at(2, "b"), second)
	requireStored(t, s, at(3, "a"), commit(t, store, at(3, "a"), second))
}

// sameCheckpointMovesToken: content that differs in nothing but its Revision,
// which every commit raises, is a new version. A caller that forgets to raise it
// gets a new token or an error, never the old token: a rival who holds that one
// would overwrite what was committed since.
func sameCheckpointMovesToken(t *testing.T, s Storage) {
	store := s.Open(t)
	first := commit(t, store, at(1, "a"), firstToken(t, s))
	second := commit(t, store, at(2, "a"), first)
	_, err := s.Open(t).Commit(t.Context(), at(3, "b"), first)
	require.ErrorIs(t, err, state.ErrConflict)

	third, err := store.Commit(t.Context(), at(2, "a"), second)
	if err == nil {
		require.NotEqual(t, second, third)
		requireStored(t, s, at(2, "a"), third)
		return
	}
	require.NotErrorIs(t, err, state.ErrConflict)
	require.ErrorContains(t, err, "revision")
	requireStored(t, s, at(2, "a"), second)
}

func cancelledLoad(t *testing.T, s Storage) {
	commit(t, s.Open(t), at(1, "a"), firstToken(t, s))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, _, err := s.Open(t).Load(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, state.ErrNotFound)
	require.NotErrorIs(t, err, state.ErrUnreadable)
	require.Equal(t, state.Checkpoint{}, c)
}

func cancelledCommit(t *testing.T, s Storage) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	none := firstToken(t, s)
	_, err := s.Open(t).Commit(ctx, at(1, "a"), none)
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, s.Read(t))

	first := commit(t, s.Open(t), at(1, "a"), none)
	_, err = s.Open(t).Commit(ctx, at(2, "b"), first)
	require.ErrorIs(t, err, context.Canceled)
	requireStored(t, s, at(1, "a"), first)
}

// commitCancelledUnderWay: after an error the checkpoint is the old one or the
// new one. A service may even apply a commit some time after its caller has
// gone, so a later one can conflict with it; it is never half of one.
func commitCancelledUnderWay(t *testing.T, s Storage) {
	token := commit(t, s.Open(t), at(0, "a"), firstToken(t, s))
	store := s.Open(t)
	stored, pending := int64(0), false
	for revision := int64(1); revision <= 20; revision++ {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		_, err := store.Commit(ctx, at(revision, "a"), token)
		cancel()
		if errors.Is(err, state.ErrConflict) {
			require.True(t, pending, "nobody else writes")
		}
		pending = pending || err != nil
		got, loaded, loadErr := s.Open(t).Load(t.Context())
		require.NoError(t, loadErr)
		require.GreaterOrEqual(t, got.Revision, stored, "the checkpoint went back")
		require.LessOrEqual(t, got.Revision, revision)
		require.Equal(t, encoded(t, at(got.Revision, "a")), encoded(t, got))
		require.Equal(t, got.Revision == stored, loaded == token, "the token says the same as the revision")
		if err == nil {
			require.Equal(t, revision, got.Revision)
		}
		stored, token = got.Revision, loaded
	}
}

// lostReply is why a commit's error says nothing about the storage: the caller
// loads again and knows its own commit by holder and Revision.
func lostReply(t *testing.T, s Storage) {
	require.NotNil(t, s.LosingReply, "the harness has no way to lose a reply and no reason why")
	losing := s.LosingReply(t)
	token := firstToken(t, s)
	for revision := int64(1); revision <= 2; revision++ {
		_, err := losing.Commit(t.Context(), at(revision, "a"), token)
		require.Error(t, err, "a commit without a reply must not look like a success")
		require.NotErrorIs(t, err, state.ErrConflict, "nobody else was first")

		got, loaded, err := s.Open(t).Load(t.Context())
		require.NoError(t, err)
		require.Equal(t, encoded(t, at(revision, "a")), encoded(t, got), "it was applied, once")
		_, err = s.Open(t).Commit(t.Context(), at(revision+1, "b"), token)
		require.ErrorIs(t, err, state.ErrConflict, "the token from before the lost reply is stale")
		token = loaded
	}
	requireStored(t, s, at(3, "a"), commit(t, s.Open(t), at(3, "a"), token))
}
