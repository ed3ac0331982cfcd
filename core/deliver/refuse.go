package deliver

import (
	"fmt"
	"sync"
	"time"

	"github.com/packetboat/packetboat/state"
)

// suspects are refused records of which is not yet known whose fault it is. They
// become dead letters once the receiver accepts a record or the input ends. If
// refusalsInARow is passed first, the fault is the receiver's and all of them
// stay owed.
type suspects struct {
	mu   sync.Mutex
	list []suspect
}

type suspect struct {
	item     item
	reason   error
	attempts int
}

func (s *suspects) add(more []suspect) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, more...)
}

// refuse notes a record that this receiver can never accept.
func (d *delivery) refuse(it item, reason error, attempts int) {
	d.suspects.add([]suspect{{it, reason, attempts}})
	d.stopIfAllRefused()
}

func (d *delivery) stopIfAllRefused() {
	d.suspects.mu.Lock()
	defer d.suspects.mu.Unlock()
	if n := len(d.suspects.list); n > refusalsInARow {
		d.fail(fmt.Errorf("more than %d records in a row were refused, so the fault is taken to be the receiver's; "+
			"none of them went to the dead letter, all stay owed; the last reason: %w",
			refusalsInARow, d.suspects.list[n-1].reason))
	}
}

// burySuspects stores the suspects as dead letters and settles them.
func (d *delivery) burySuspects() {
	d.suspects.mu.Lock()
	defer d.suspects.mu.Unlock()
	if d.ctx.Err() != nil {
		return
	}
	for _, s := range d.suspects.list {
		// If we crash here the record is refused again by the next run and its dead
		// letter overwrites this one: it has the same key.
		if err := d.bury(s); err != nil {
			d.fail(fmt.Errorf("store dead letter: %w", err))
			return
		}
		d.stats.refused.add(1)
		d.settle(s.item)
	}
	d.suspects.list = nil
}

func (d *delivery) bury(s suspect) error {
	r := s.item.record
	if r.Event == nil {
		// It stands for no event: the end of an alert. Nothing is owed with it.
		d.Log.Error("a message is refused", "id", r.ID, "reason", s.reason, "attempts", s.attempts)
		return nil
	}
	letter := state.DeadLetter{
		Receiver: d.Name, ID: r.ID, Reason: s.reason.Error(), Attempts: s.attempts, Time: time.Now().UTC(),
		Event: r.Event.ToJSON(), Body: r.Body,
	}
	if d.DeadLetters == nil {
		d.Log.Error("event lost: the receiver refuses it and no dead letter store is configured",
			"id", letter.ID, "reason", letter.Reason, "attempts", letter.Attempts, "event", string(letter.Event))
		d.stats.lost.add(1)
		return nil
	}
	err := d.persist("store dead letter", func() (bool, error) {
		return false, d.DeadLetters.Put(d.ctx, letter)
	})
	if err == nil {
		d.stats.deadLettered.add(1)
		d.Log.Warn("event went to the dead letter", "id", letter.ID, "reason", letter.Reason)
	}
	return err
}
