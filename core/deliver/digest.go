package deliver

import (
	"bytes"
	"fmt"
	"time"

	"github.com/packetboat/packetboat/core/digest"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// Digest asks for messages that stand for many events. Sink must be a
// sinks.Digester.
type Digest struct {
	digest.Options
	// Every is how often they are told, 0 for once, when the input ends.
	Every time.Duration
}

// Suppress holds events back whose group was told a moment ago, unless they are
// worse than what was told.
type Suppress struct {
	For time.Duration // 0: nothing is held back
	By  []digest.Field
}

// closing is how often alerts are looked at, and notes are handed over, where no
// Digest says how often.
const closing = time.Minute

// remember takes up the memory that came with the cursor.
func (d *delivery) remember(from state.Cursor) {
	noter, ok := d.Sink.(sinks.Noter)
	d.notes = ok && noter.KeepsNotes()
	if d.Digest == nil && d.Suppress.For == 0 && d.AutoClose == 0 && !d.notes {
		return
	}
	var err error
	d.memory, err = digest.Remember(from.State, from.ReadAt, digest.Limits{Bytes: d.MemoryBytes})
	if err != nil {
		d.Log.Warn("counts begin anew, and what was told may be told again", "error", err)
	}
	d.ledger.last.State = from.State
	if d.notes {
		noter.UseNotes(d.memory.Notes())
	}
	if d.Digest != nil {
		d.window = digest.NewWindow(d.Digest.Options, d.memory)
	}
}

func (d *delivery) encodeMemory() []byte {
	if d.memory == nil {
		return nil
	}
	b := d.memory.Encode()
	d.stats.forgotten.add(d.memory.Forgotten())
	return b
}

// ticks say when to tell, where the input goes on for ever.
func (d *delivery) ticks() (tick <-chan time.Time, stop func()) {
	every := time.Duration(0)
	switch {
	case d.Digest != nil:
		every = d.Digest.Every
	case d.AutoClose > 0 || d.notes:
		every = closing
	}
	if every == 0 {
		return nil, func() {}
	}
	ticker := time.NewTicker(every)
	return ticker.C, ticker.Stop
}

// holdBack reports whether an event's group was told a moment ago. If not, it is
// told now.
func (d *delivery) holdBack(ev *event.Event) (bool, error) {
	if d.Suppress.For == 0 {
		return false, nil
	}
	key, _, err := digest.Key(d.Suppress.By, ev)
	if err != nil {
		return false, fmt.Errorf("suppress: %w", err)
	}
	now, warning := time.Now(), digest.Warning(ev)
	if d.memory.Silent(key, warning, now, d.Suppress.For) {
		d.memory.Hold(key, 1)
		d.stats.suppressed.add(1)
		return true, nil
	}
	d.memory.Say(key, warning, now)
	return false, nil
}

// opens notes the alert that a record opens.
func (d *delivery) opens(r sinks.Record) {
	if d.AutoClose > 0 && r.Alert != "" {
		d.memory.Open(r.Alert, time.Now())
	}
}

// gather puts events into the window. They stay owed until it is told.
func (d *delivery) gather(events []*event.Event) {
	for _, ev := range events {
		if d.ctx.Err() != nil {
			return
		}
		if err := d.window.Add(ev); err != nil {
			d.refuse(item{record: sinks.Record{ID: ev.ID(), Event: ev}, entry: d.ledger.open(state.Cursor{}), events: 1}, err, 0)
		}
		if d.window.Full() {
			d.tellWindow()
		}
	}
}

// tell says what has gathered, and ends alerts of which nothing came. The cursor
// behind it is handed over once every message is settled. If we crash before
// that, the next run says the same again, perhaps with more, under the same IDs.
func (d *delivery) tell() {
	if d.memory == nil || d.ctx.Err() != nil {
		return
	}
	if d.window != nil {
		d.tellWindow()
	}
	if d.AutoClose > 0 && d.ctx.Err() == nil {
		d.endAlerts()
	}
	if d.notes {
		d.flight.Wait() // for what is noted meanwhile
	}
	if d.ctx.Err() == nil {
		d.hand()
	}
}

// hand hands over the last parcel's cursor with the memory. Without a parcel
// there is none: the one this delivery began with may be of a history that the
// run has left meanwhile.
func (d *delivery) hand() {
	next := d.upTo
	next.State = d.encodeMemory()
	if next.ResourceVersion == "" || next.ResourceVersion == d.handed.ResourceVersion && bytes.Equal(next.State, d.handed.State) {
		return
	}
	d.handed = next
	d.ledger.close(d.ledger.open(next), next.State)
}

func (d *delivery) tellWindow() {
	d.flight.Wait()
	events := d.window.Events()
	messages, suppressed := d.window.Tell(time.Now())
	for _, message := range messages {
		record, err := d.encodeDigest(message)
		record.Event = message.Newest
		it := item{record: record, entry: d.ledger.open(state.Cursor{})}
		if err != nil {
			d.refuse(it, err, 0)
			continue
		}
		d.opens(record)
		d.dispatch(d.cutter.add(it))
	}
	d.dispatch(d.cutter.all())
	d.flight.Wait()
	if d.ctx.Err() == nil {
		d.stats.grouped.add(events - suppressed)
		d.stats.suppressed.add(suppressed)
		d.stats.settled.Add(int64(events))
	}
}

func (d *delivery) encodeDigest(message *sinks.Digest) (sinks.Record, error) {
	digester, ok := d.Sink.(sinks.Digester)
	if !ok {
		return sinks.Record{ID: message.ID}, fmt.Errorf("%T makes no digests", d.Sink)
	}
	record, err := digester.EncodeDigest(message)
	if err != nil {
		return sinks.Record{ID: message.ID}, fmt.Errorf("encode digest: %w", err)
	}
	return record, nil
}

// endAlerts ends those of which nothing came for AutoClose.
func (d *delivery) endAlerts() {
	resolver, ok := d.Sink.(sinks.Resolver)
	if !ok {
		return
	}
	d.flight.Wait()
	quiet := d.memory.Quiet(time.Now().Add(-d.AutoClose))
	for alert, since := range quiet {
		record, err := resolver.EncodeResolve(alert, since)
		if err != nil {
			d.Log.Error("an alert cannot be ended", "error", err)
			continue
		}
		d.dispatch(d.cutter.add(item{record: record, entry: d.ledger.open(state.Cursor{})}))
	}
	d.dispatch(d.cutter.all())
	d.flight.Wait()
	if d.ctx.Err() != nil {
		return
	}
	for alert := range quiet {
		d.memory.Close(alert)
	}
}
