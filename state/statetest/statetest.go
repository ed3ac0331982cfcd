// Package statetest is the conformance suite of package state: what every store
// promises, whatever it stores on.
//
// A store passes when statetest.Run passes against the real service, or against
// a server that speaks its protocol. The suite itself never retries and never
// waits for a time; every case has an empty storage of its own.
package statetest

import (
	"testing"

	"github.com/packetboat/packetboat/state"
)

// Harness connects the suite to one kind of storage.
type Harness struct {
	// New makes an empty storage, removed by t.Cleanup.
	New func(t *testing.T) Storage
	// NoLostReply is the reason why a commit on this storage has no reply that
	// could get lost. It is set if and only if Storage.LosingReply is not.
	NoLostReply string
}

// Storage is one place where a checkpoint can be, seen from outside the store.
type Storage struct {
	// Open gives an independent store on this storage, as another process would
	// have it: it shares nothing with the others but the storage.
	Open func(t *testing.T) state.Store
	// Read gives the stored bytes, nil if there are none.
	Read func(t *testing.T) []byte
	// Write stores bytes behind the store's back.
	Write func(t *testing.T, raw []byte)
	// LosingReply gives an independent store whose every commit arrives and is
	// applied, and whose caller never sees the answer.
	LosingReply func(t *testing.T) state.Store
}

// Run checks a store against the whole contract.
func Run(t *testing.T, h Harness) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s Storage)
	}{
		{"first load is not found, with a usable token", firstLoad},
		{"commit, then load from another process", commitThenLoad},
		{"one creator wins", oneCreatorWins},
		{"a stale token conflicts", staleTokenConflicts},
		{"the same checkpoint still moves the token", sameCheckpointMovesToken},
		{"32 concurrent commits have one winner", concurrentCommits},
		{"a cancelled load is no first run", cancelledLoad},
		{"a cancelled commit changes nothing", cancelledCommit},
		{"a commit cancelled under way is told by its revision", commitCancelledUnderWay},
		{"unknown fields survive", unknownFieldsSurvive},
		{"a higher version is refused untouched", higherVersion},
		{"garbage is unreadable and untouched", garbage},
		{"what is unreadable can be replaced when asked to", replaceUnreadable},
		{"a checkpoint that cannot be read back is not written", unreadableIsNotWritten},
		{"the largest checkpoint", largest},
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
	t.Run("a lost reply, then load", func(t *testing.T) { lostReply(t, h.New(t)) })
}
