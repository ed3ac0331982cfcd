// Package deliver takes one receiver's events from the event to the
// acknowledgement: encode, cut into batches, send, and on an error again later,
// smaller, to the dead letter, or not at all.
//
// It has the program's one retry loop for sending. Its promise to core/run: a
// cursor is handed over as settled only after every record of its page and of
// all earlier pages was acknowledged by the service or stored as a dead letter.
// What it gives up on stays owed, and no later cursor is handed over.
package deliver

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/packetboat/packetboat/core/digest"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// Parcel is one page as one receiver gets it: the events routed to it, perhaps
// none, and the cursor that is good once they and all before them are settled.
type Parcel struct {
	Events []*event.Event
	Next   state.Cursor
}

// refusalsInARow is how many records a receiver may refuse one after the other
// before the fault is taken to be the receiver's: a typo must never send a
// backlog to the dead letter.
const refusalsInARow = 50

// Receiver delivers to one sink.
type Receiver struct {
	Options
	limits sinks.Limits
	stats  counters
}

// New makes a Receiver.
func New(o Options) *Receiver {
	limits := o.Sink.Limits()
	o.Batch.Records = lowest(o.Batch.Records, limits.Records, 1000)
	o.Batch.Bytes = lowest(o.Batch.Bytes, limits.Bytes, 4<<20)
	o.Concurrency = lowest(o.Concurrency, limits.Concurrency, 1)
	setDefault(&o.Batch.Age, time.Second)
	setDefault(&o.Timeout, 30*time.Second)
	setDefault(&o.Retry.Budget, 2*time.Minute)
	setDefault(&o.Retry.Initial, 500*time.Millisecond)
	setDefault(&o.Retry.Max, 30*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = metrics.Discard().Receiver(o.Name)
	}
	r := &Receiver{Options: o, limits: limits}
	r.stats.countInto(o.Metrics)
	return r
}

// Deliver goes on from a cursor: it takes parcels until in is closed and
// everything is settled, and then returns nil. It returns early, with what is left owed, when the receiver must
// stop (the error says why), when a batch is out of its retry budget, when
// mayWeSend refuses, or when ctx ends.
//
// mayWeSend is asked before every attempt: it is the lease. settled gets the
// cursors in order; it must not block.
func (r *Receiver) Deliver(ctx context.Context, from state.Cursor, in <-chan Parcel, mayWeSend func() error, settled func(state.Cursor)) error {
	caller := ctx
	ctx, cancel := context.WithCancelCause(caller)
	defer cancel(nil)
	d := &delivery{
		Receiver: r, ctx: ctx, fail: cancel, mayWeSend: mayWeSend,
		ledger: &ledger{settled: settled}, slots: make(chan struct{}, r.Concurrency),
		cutter: newCutter(r.Batch),
	}
	d.remember(from)
	d.loop(in)
	d.flight.Wait()
	if ctx.Err() == nil {
		d.burySuspects()
	}
	if ctx.Err() != nil {
		if caller.Err() == nil && !d.barred.Load() {
			r.Metrics.Up.Set(0)
		}
		return d.why(caller)
	}
	return nil
}

// delivery is one call of Deliver.
type delivery struct {
	*Receiver
	ctx       context.Context
	fail      context.CancelCauseFunc
	mayWeSend func() error
	ledger    *ledger
	cutter    *cutter
	slots     chan struct{} // one per batch in flight
	flight    sync.WaitGroup
	suspects  suspects
	upTo      state.Cursor   // of the last parcel
	handed    state.Cursor   // by tell
	memory    *digest.Memory // nil: this receiver needs none
	window    *digest.Window // nil: without a Digest
	notes     bool           // the sink keeps some
	// answered: the service has acknowledged a batch of this delivery. Until then
	// one batch at a time goes out, as a probe: a service that is down, perhaps
	// since the last run, is not met with all that Concurrency allows.
	answered atomic.Bool
	barred   atomic.Bool // mayWeSend has refused: no fault of the receiver

	mu      sync.Mutex
	failure error // what a batch was failing with when ctx ended
}

// why is why the delivery ended early. That time was up does not hide that the
// service was failing: with more time it would have been the only reason.
func (d *delivery) why(caller context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if caller.Err() != nil && d.failure != nil {
		return fmt.Errorf("%w while it was failing: %w", context.Cause(d.ctx), d.failure)
	}
	return context.Cause(d.ctx)
}

// endedFailing notes what an attempt failed with before ctx ended.
func (d *delivery) endedFailing(failure error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failure == nil {
		d.failure = failure
	}
	return context.Cause(d.ctx)
}

// loop encodes and cuts. It blocks while all slots are taken: that is how a slow
// service slows the reading down instead of growing memory.
func (d *delivery) loop(in <-chan Parcel) {
	tick, stop := d.ticks()
	defer stop()
	for {
		select {
		case parcel, more := <-in:
			if !more {
				d.dispatch(d.cutter.all())
				d.tell()
				return
			}
			d.take(parcel)
		case <-tick:
			d.tell()
		case <-d.cutter.due():
			d.dispatch(d.cutter.aged())
		case <-d.ctx.Done():
			return
		}
	}
}

func (d *delivery) take(parcel Parcel) {
	if parcel.Next.ResourceVersion != "" {
		d.upTo = parcel.Next
	}
	if d.window != nil {
		d.gather(parcel.Events)
		return
	}
	entries, end := d.ledger.add(parcel)
	if d.memory == nil {
		d.ledger.close(end, nil)
	}
	for i, ev := range parcel.Events {
		if d.ctx.Err() != nil {
			return
		}
		it := item{record: sinks.Record{ID: ev.ID(), Event: ev}, entry: entries[i], events: 1}
		held, err := d.holdBack(ev)
		if held {
			d.settle(it)
			continue
		}
		if err == nil {
			it.record, err = d.encode(ev)
		}
		if err != nil {
			d.refuse(it, err, 0)
			continue
		}
		d.opens(it.record)
		d.dispatch(d.cutter.add(it))
	}
	if d.memory != nil {
		// Only now: what this page has told belongs to the cursor at its end.
		d.ledger.close(end, d.encodeMemory())
	}
}

// settle says that nothing is owed of items any more.
func (d *delivery) settle(items ...item) {
	for _, it := range items {
		d.stats.settled.Add(int64(it.events))
	}
	d.ledger.settle(items...)
}

func (d *delivery) encode(ev *event.Event) (sinks.Record, error) {
	record, err := d.Sink.Encode(ev)
	if err != nil {
		return sinks.Record{ID: ev.ID(), Event: ev}, fmt.Errorf("encode: %w", err)
	}
	if limit := d.limits.RecordBytes; limit > 0 && len(record.Body) > limit {
		return record, fmt.Errorf("record has %d bytes, the receiver takes at most %d", len(record.Body), limit)
	}
	return record, nil
}

func (d *delivery) dispatch(batches [][]item) {
	for _, batch := range batches {
		select {
		case d.slots <- struct{}{}:
		case <-d.ctx.Done():
			return
		}
		d.flight.Go(func() {
			defer func() { <-d.slots }()
			if err := d.send(batch); err != nil {
				d.fail(err)
			}
		})
		if !d.answered.Load() {
			d.flight.Wait()
		}
	}
}
