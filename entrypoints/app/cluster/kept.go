package cluster

import (
	"context"
	"time"
)

// kept is a value that is made when it is asked for, by one caller at a time,
// and is good for a while. It may be used concurrently.
type kept[T any] struct {
	now  func() time.Time
	old  bool          // an old value is better than none
	turn chan struct{} // holds one thing, whoever has taken it owns what follows

	made  bool
	value T
	at    time.Time // when it was made
	until time.Time
}

func keep[T any](now func() time.Time) *kept[T] {
	k := &kept[T]{now: now, turn: make(chan struct{}, 1)}
	k.turn <- struct{}{}
	return k
}

// get gives the value, made anew if it is not good any more. Who waits for
// another caller's waits no longer than its own context lasts, and a caller that
// gives up in the middle leaves it to the next one.
func (k *kept[T]) get(ctx context.Context, anew func(ctx context.Context) (T, time.Time, error)) (value T, at time.Time, err error) {
	select {
	case <-k.turn:
	case <-ctx.Done():
		return value, at, context.Cause(ctx)
	}
	defer func() { k.turn <- struct{}{} }()
	// By the clock on the wall, both ways: a function that was frozen wakes up in the future, with a monotonic clock
	// that has stood still; and what was made by a clock that was ahead is not good yet.
	now := k.now().Round(0)
	if k.made && now.Before(k.until) && !now.Before(k.at) {
		return k.value, k.at, nil
	}
	value, until, err := anew(ctx)
	if err != nil && k.made && k.old && ctx.Err() == nil {
		k.until = now.Add(time.Minute)
		return k.value, k.at, nil
	}
	if err != nil {
		return value, at, err
	}
	k.made, k.value, k.at, k.until = true, value, now, until.Round(0)
	return k.value, k.at, nil
}

// forget gives up the value that was made then. One that is newer stays: it was
// made because of the same fault, for another caller.
func (k *kept[T]) forget(ctx context.Context, at time.Time) {
	select {
	case <-k.turn:
	case <-ctx.Done():
		return
	}
	if k.at.Equal(at) {
		k.made = false
	}
	k.turn <- struct{}{}
}

// last is the value as it is, if there is one and nobody makes one just now.
func (k *kept[T]) last() (value T, made bool) {
	select {
	case <-k.turn:
		defer func() { k.turn <- struct{}{} }()
		return k.value, k.made
	default:
		return value, false
	}
}
