// Package mem keeps a checkpoint in memory: for runs that are not to be
// remembered, and for tests, which can make any call fail.
//
// It promises what state.Store promises, but for durability: what it holds ends
// with the process. It makes one attempt per call and never retries. Everything
// may be called concurrently.
package mem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/packetboat/packetboat/state"
)

// Storage holds one checkpoint for any number of stores, as a file does for any
// number of processes. The zero Storage is empty.
type Storage struct {
	mu      sync.Mutex
	raw     []byte
	version int64 // of raw; 0 is nothing stored
}

// Raw is a copy of the stored bytes, nil if there are none.
func (s *Storage) Raw() []byte {
	raw, _ := s.read()
	return raw
}

// SetRaw stores bytes as another program would.
func (s *Storage) SetRaw(raw []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw = append([]byte{}, raw...)
	s.version++
}

// Op is a method of a store.
type Op string

// The calls that a Fault is asked about.
const (
	Load   Op = "load"
	Commit Op = "commit"
)

// Fault decides about one call: whether it is applied, and what error the
// caller gets instead of the call's own answer. Applied with an error is a lost
// reply; an error alone is a call that never arrived. next is what Commit was
// given, the zero Checkpoint for Load, which applies nothing. A Fault runs on
// the goroutine that called the store, with no lock held.
type Fault func(op Op, next state.Checkpoint) (apply bool, err error)

// errNotApplied stands in where a Fault drops a call without naming an error:
// a call that changed nothing must never look like one that did.
var errNotApplied = errors.New("the call was dropped")

// Store is one process's view of a Storage.
type Store struct {
	storage *Storage
	fault   Fault
}

var _ state.Store = (*Store)(nil)

// New opens a store on a storage of its own.
func New() *Store { return Open(&Storage{}, nil) }

// Open opens a store; a nil fault lets every call pass.
func Open(storage *Storage, fault Fault) *Store {
	if fault == nil {
		fault = func(Op, state.Checkpoint) (bool, error) { return true, nil }
	}
	return &Store{storage: storage, fault: fault}
}

// Load implements state.Store.
func (s *Store) Load(ctx context.Context) (state.Checkpoint, state.Token, error) {
	c, token, err := s.load(ctx)
	if err != nil {
		err = fmt.Errorf("load checkpoint from memory: %w", err)
	}
	return c, token, err
}

func (s *Store) load(ctx context.Context) (state.Checkpoint, state.Token, error) {
	if err := ctx.Err(); err != nil {
		return state.Checkpoint{}, "", err
	}
	if apply, err := s.fault(Load, state.Checkpoint{}); err != nil || !apply {
		return state.Checkpoint{}, "", cmp.Or(err, errNotApplied)
	}
	raw, token := s.storage.read()
	if raw == nil {
		return state.Checkpoint{}, token, state.ErrNotFound
	}
	c, err := state.Decode(raw)
	return c, token, err
}

// Commit implements state.Store.
func (s *Store) Commit(ctx context.Context, next state.Checkpoint, old state.Token) (state.Token, error) {
	token, err := s.commit(ctx, next, old)
	if err != nil {
		return "", fmt.Errorf("commit checkpoint to memory: %w", err)
	}
	return token, nil
}

func (s *Store) commit(ctx context.Context, next state.Checkpoint, old state.Token) (state.Token, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	raw, err := state.Encode(next)
	if err != nil {
		return "", err
	}
	apply, fault := s.fault(Commit, next)
	if !apply {
		return "", cmp.Or(fault, errNotApplied)
	}
	token, err := s.storage.replace(raw, old)
	return token, cmp.Or(fault, err)
}

// Limits implements state.Store: there are none.
func (s *Store) Limits() state.Limits { return state.Limits{} }

func (s *Storage) read() ([]byte, state.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.raw), s.token()
}

func (s *Storage) replace(raw []byte, old state.Token) (state.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token() != old {
		return "", state.ErrConflict
	}
	s.raw = raw
	s.version++
	return s.token(), nil
}

// token is called with the lock held.
func (s *Storage) token() state.Token {
	if s.version == 0 {
		return ""
	}
	return state.Token(strconv.FormatInt(s.version, 10))
}
