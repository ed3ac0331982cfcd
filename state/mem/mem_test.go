package mem_test

import (
	"cmp"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/mem"
	"github.com/packetboat/packetboat/state/statetest"
)

var errLost = errors.New("the line is dead")

func TestConformance(t *testing.T) {
	statetest.Run(t, statetest.Harness{New: func(*testing.T) statetest.Storage {
		var storage mem.Storage
		return statetest.Storage{
			Open:  func(*testing.T) state.Store { return mem.Open(&storage, nil) },
			Read:  func(*testing.T) []byte { return storage.Raw() },
			Write: func(_ *testing.T, raw []byte) { storage.SetRaw(raw) },
			LosingReply: func(*testing.T) state.Store {
				return mem.Open(&storage, func(mem.Op, state.Checkpoint) (bool, error) { return true, errLost })
			},
		}
	}})
}

func TestFaultsComeAppliedAndNotApplied(t *testing.T) {
	for name, test := range map[string]struct {
		apply    bool
		err      error
		says     string
		revision int64
	}{
		"passes":                      {apply: true, revision: 2},
		"failed and not persisted":    {err: errLost, says: "the line is dead", revision: 1},
		"failed but persisted":        {apply: true, err: errLost, says: "the line is dead", revision: 2},
		"conflict but persisted":      {apply: true, err: state.ErrConflict, says: "another writer was first", revision: 2},
		"dropped without a word":      {says: "dropped", revision: 1},
		"cancelled and not persisted": {err: context.Canceled, says: "context canceled", revision: 1},
	} {
		t.Run(name, func(t *testing.T) {
			var storage mem.Storage
			token, err := mem.Open(&storage, nil).Commit(t.Context(), state.Checkpoint{Revision: 1}, "")
			require.NoError(t, err)

			store := mem.Open(&storage, func(op mem.Op, next state.Checkpoint) (bool, error) {
				require.Equal(t, mem.Commit, op)
				require.Equal(t, int64(2), next.Revision)
				return test.apply, test.err
			})
			_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 2}, token)
			if test.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.says)
				require.ErrorIs(t, err, cmp.Or(test.err, err))
			}

			got, _, err := mem.Open(&storage, nil).Load(t.Context())
			require.NoError(t, err)
			require.Equal(t, test.revision, got.Revision)
		})
	}
}

func TestFaultOfLoad(t *testing.T) {
	for name, fail := range map[string]mem.Fault{
		"with an error":  func(mem.Op, state.Checkpoint) (bool, error) { return true, errLost },
		"without a word": func(mem.Op, state.Checkpoint) (bool, error) { return false, nil },
	} {
		t.Run(name, func(t *testing.T) {
			_, token, err := mem.Open(&mem.Storage{}, fail).Load(t.Context())
			require.Error(t, err)
			require.NotErrorIs(t, err, state.ErrNotFound)
			require.Empty(t, token)
		})
	}
}
