package app

import (
	"context"
	"iter"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// drySink encodes and sends nothing.
type drySink struct{ sinks.Sink }

func (s drySink) EncodeDigest(d *sinks.Digest) (sinks.Record, error) {
	return s.Sink.(sinks.Digester).EncodeDigest(d) //nolint:forcetypeassert // openSinks has seen to it
}

func (drySink) Send(context.Context, []sinks.Record) error { return nil }

// dryStore reads, writes nothing, and sees no lease. It has no lock.
type dryStore struct{ store state.Store }

func (d dryStore) Load(ctx context.Context) (state.Checkpoint, state.Token, error) {
	c, token, err := d.store.Load(ctx)
	c.Lease = state.Lease{}
	return c, token, err
}

func (d dryStore) Commit(_ context.Context, _ state.Checkpoint, old state.Token) (state.Token, error) {
	return old, nil
}

func (d dryStore) Limits() state.Limits { return d.store.Limits() }

// dryLetters stores nothing.
type dryLetters struct{}

func (dryLetters) Put(context.Context, state.DeadLetter) error { return nil }

func (dryLetters) All(context.Context) iter.Seq2[state.DeadLetter, error] {
	return func(func(state.DeadLetter, error) bool) {}
}

func (dryLetters) Delete(context.Context, string) error { return nil }
