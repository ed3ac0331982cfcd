package awsclient

import (
	"errors"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

var errWaits = errors.New("not sent: the record before it in its group was not taken")

// InGroups sends a batch to a FIFO queue or topic, in as many requests as it
// takes for none to hold two records of one group. SQS and SNS may refuse one
// message for now and take those after it, and a group that is out of order stays
// so: what was taken is not taken again. So whatever follows a record that was
// refused for now waits with it. Each record is sent once at most.
func InGroups(batch []sinks.Record, groupOf func(*event.Event) (string, error), send func([]sinks.Record) error) error {
	var places []int // in the batch, of what is yet to be sent
	groups := make([]string, len(batch))
	for i, r := range batch {
		places = append(places, i)
		var err error
		if groups[i], err = groupOf(r.Event); err != nil {
			return sinks.Permanent(err)
		}
	}
	refused := map[int]error{}
	for first := true; len(places) > 0; first = false {
		now, later := firsts(places, groups)
		part := make([]sinks.Record, len(now))
		for i, place := range now {
			part[i] = batch[place]
		}
		partial := &sinks.PartialError{}
		if err := send(part); err != nil && !errors.As(err, &partial) {
			if first {
				return err // on the whole batch: nothing of it was taken
			}
			// What is sent first the next time gets this verdict for itself.
			if sinks.IsPermanent(err) {
				err = errors.New(err.Error())
			}
			for _, place := range places {
				refused[place] = err
			}
			break
		}
		held := map[string]bool{}
		for i, err := range partial.Refused {
			refused[now[i]] = err
			held[groups[now[i]]] = !sinks.IsPermanent(err)
		}
		places = nil
		for _, place := range later {
			if held[groups[place]] {
				refused[place] = errWaits
			} else {
				places = append(places, place)
			}
		}
	}
	if len(refused) > 0 {
		return &sinks.PartialError{Refused: refused}
	}
	return nil
}

// firsts are the first place of each group, and the others.
func firsts(places []int, groups []string) (now, later []int) {
	seen := map[string]bool{}
	for _, place := range places {
		if seen[groups[place]] {
			later = append(later, place)
		} else {
			now = append(now, place)
		}
		seen[groups[place]] = true
	}
	return now, later
}
