package run

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/state"
)

// Redelivery sends dead letters again and removes those that were acknowledged.
// It is the DeadLetters of its receivers meanwhile, so that a record that is
// refused again is stored again, under the same key, and stays.
type Redelivery struct {
	state.DeadLetters
	Decode func(raw []byte) (*event.Event, error)

	mu    sync.Mutex
	again map[string]bool // refused again
}

// Put stores a letter and keeps it from being removed.
func (r *Redelivery) Put(ctx context.Context, d state.DeadLetter) error {
	if err := r.DeadLetters.Put(ctx, d); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.again == nil {
		r.again = map[string]bool{}
	}
	r.again[d.Key()] = true
	return nil
}

// Redelivered is what became of the dead letters.
type Redelivered struct {
	Removed int64 `json:"removed"` // acknowledged by their receivers
	Refused int64 `json:"refused"` // again, and stored again
	Left    int64 `json:"left"`    // not tried, or not settled
	Skipped int64 `json:"skipped"` // of receivers that are not asked for or not configured, or not readable
}

// Run sends every letter of these receivers. It needs the lease: see Hold.
func (r *Redelivery) Run(ctx context.Context, receivers []Receiver, mayWeSend func() error) (Redelivered, error) {
	lanes := map[string]*reLane{}
	for _, receiver := range receivers {
		lanes[receiver.Name] = r.open(ctx, receiver, mayWeSend)
	}
	var sum Redelivered
	readErr := r.read(ctx, lanes, &sum)
	errs := []error{readErr}
	for _, l := range lanes {
		close(l.in)
	}
	for name, l := range lanes {
		l.working.Wait()
		sum.Removed += l.removed
		sum.Refused += l.refused
		sum.Left += l.offered - l.removed - l.refused
		if err := errors.Join(l.err, l.removeErr); err != nil {
			errs = append(errs, fmt.Errorf("receiver %s: %w", name, err))
		}
	}
	return sum, errors.Join(errs...)
}

func (r *Redelivery) read(ctx context.Context, lanes map[string]*reLane, sum *Redelivered) error {
	for letter, err := range r.All(ctx) {
		if errors.Is(err, state.ErrBadDeadLetter) {
			sum.Skipped++
			continue
		}
		if err != nil {
			return fmt.Errorf("read dead letters: %w", err)
		}
		l := lanes[letter.Receiver]
		ev, err := r.Decode(letter.Event)
		if l == nil || err != nil {
			sum.Skipped++
			continue
		}
		l.offer(ctx, letter.Key(), ev)
	}
	return context.Cause(ctx)
}

// reLane is one receiver's letters on their way.
type reLane struct {
	in      chan deliver.Parcel
	done    chan struct{}
	working sync.WaitGroup
	offered int64
	err     error

	mu     sync.Mutex
	keys   []string // offered and not settled, oldest first; the first has number settled+1
	passed int64    // settled, and to be looked at by remove
	wake   chan struct{}

	removed, refused int64
	removeErr        error
}

func (r *Redelivery) open(ctx context.Context, receiver Receiver, mayWeSend func() error) *reLane {
	l := &reLane{in: make(chan deliver.Parcel, inboxBytes/fullPage), done: make(chan struct{}), wake: make(chan struct{}, 1)}
	l.working.Go(func() {
		defer close(l.done)
		l.err = receiver.Deliver.Deliver(ctx, state.Cursor{}, l.in, mayWeSend, l.settled)
	})
	l.working.Go(func() { l.removeErr = l.remove(context.WithoutCancel(ctx), r) })
	return l
}

func (l *reLane) offer(ctx context.Context, key string, ev *event.Event) {
	l.offered++
	l.mu.Lock()
	l.keys = append(l.keys, key)
	l.mu.Unlock()
	next := state.Cursor{ResourceVersion: strconv.FormatInt(l.offered, 10)}
	select {
	case l.in <- deliver.Parcel{Events: []*event.Event{ev}, Next: next}:
	case <-l.done:
	case <-ctx.Done():
	}
}

// settled notes that all letters up to a number are; it does not block.
func (l *reLane) settled(c state.Cursor) {
	n, _ := strconv.ParseInt(c.ResourceVersion, 10, 64)
	l.mu.Lock()
	l.passed = n
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// remove deletes settled letters. If we crash before it, they are sent again,
// under the same IDs.
func (l *reLane) remove(ctx context.Context, r *Redelivery) error {
	gone := int64(0)
	for ended := false; ; {
		l.mu.Lock()
		keys := l.keys[:l.passed-gone]
		l.keys = l.keys[l.passed-gone:]
		gone = l.passed
		l.mu.Unlock()
		for _, key := range keys {
			if r.refusedAgain(key) {
				l.refused++
				continue
			}
			if err := r.Delete(ctx, key); err != nil {
				return fmt.Errorf("remove dead letter: %w", err)
			}
			l.removed++
		}
		if len(keys) > 0 {
			continue
		}
		if ended {
			return nil
		}
		select {
		case <-l.wake:
		case <-l.done:
			ended = true
		}
	}
}

func (r *Redelivery) refusedAgain(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	again := r.again[key]
	delete(r.again, key)
	return again
}
