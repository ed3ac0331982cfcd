// Package state is the contract for what outlives a run: the checkpoint and the
// dead letters. Each folder below this one implements it on one storage.
//
// An implementation makes one attempt per call and never retries: the caller
// has the one retry loop. Methods may be called concurrently, from one process
// and from many.
package state

import (
	"context"
	"errors"
	"time"
)

// Store keeps one checkpoint, replaced by compare-and-swap.
type Store interface {
	// Load reads the checkpoint and the token that Commit needs. At the first
	// run it returns ErrNotFound with a usable token. A checkpoint that cannot
	// be read as one is ErrUnreadable, and nothing is written then; the token
	// comes with it, for the person who asks to replace it.
	Load(ctx context.Context) (Checkpoint, Token, error)

	// Commit replaces the checkpoint if old is still its token, durably, and
	// returns the new token, which always differs from old. The caller raises
	// next.Revision: some media cannot tell equal bytes apart, and answer a
	// commit of them with an error. ErrConflict says that another writer was
	// first. After any other error the checkpoint may or may not be written:
	// Load tells, by Revision.
	Commit(ctx context.Context, next Checkpoint, old Token) (Token, error)

	Limits() Limits
}

// Limits of a Store; 0 is no limit.
type Limits struct {
	Bytes    int           // largest encoded checkpoint
	Interval time.Duration // least time between two commits
}

// Token identifies one stored version of the checkpoint: a ConfigMap's
// resourceVersion, an object's ETag or generation. It is opaque.
type Token string

// What a Store answers.
var (
	ErrNotFound   = errors.New("no checkpoint yet")
	ErrConflict   = errors.New("another writer was first")
	ErrUnreadable = errors.New("checkpoint cannot be read")
	// ErrMisconfigured: asking again does not help, something has to be set.
	ErrMisconfigured = errors.New("the storage is not usable as configured")
)

// Locker is implemented by a Store whose medium has a lock that ends with the
// process (a file). Lock is called before the lease is taken; ErrLocked says
// that another process holds it.
type Locker interface {
	Lock(ctx context.Context) (unlock func() error, err error)
}

// ErrLocked says that another process holds a Locker's lock.
var ErrLocked = errors.New("locked by another process")
