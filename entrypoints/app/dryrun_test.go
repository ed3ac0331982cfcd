package app

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
	stateall "github.com/packetboat/packetboat/state/all"
)

func TestADryStoreLooksAndTouchesNothing(t *testing.T) {
	kept := stateall.Memory()
	held := state.Checkpoint{Revision: 7, Lease: state.Lease{Holder: "somebody", Expires: time.Now().Add(time.Hour)}}
	held.Set("cluster", "archive", state.Cursor{ResourceVersion: "5"})
	_, token, err := kept.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	_, err = kept.Commit(t.Context(), held, token)
	require.NoError(t, err)

	dry := state.Store(dryStore{kept})
	seen, token, err := dry.Load(t.Context())
	require.NoError(t, err)
	assert.Empty(t, seen.Lease, "a run at work keeps nobody from looking")
	assert.Equal(t, "5", seen.Clusters["cluster"]["archive"].ResourceVersion)
	seen.Revision++
	same, err := dry.Commit(t.Context(), seen, token)
	require.NoError(t, err)
	assert.Equal(t, token, same)
	stored, _, err := kept.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "somebody", stored.Lease.Holder)
	assert.EqualValues(t, 7, stored.Revision)
	_, locks := dry.(state.Locker)
	assert.False(t, locks, "it takes no lock")
	assert.Equal(t, kept.Limits(), dry.Limits())
}
