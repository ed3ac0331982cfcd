package kafka

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/IBM/sarama"
)

// sequences number batches, so that brokers recognise one that comes again.
//
// A broker takes what has the next number of a producer and a partition, and
// answers for what has an earlier one that it has it. So a number that may have
// been used is given only to the very same batch; if another one comes, all
// begins anew under a new producer ID, and the broker can at worst hold a batch
// twice, never miss one.
//
// They outlive a client: an answer that did not come in time is the most common
// lost one, and what is interrupted loses its client.
type sequences struct {
	log *slog.Logger

	mu        sync.Mutex // held from the number to the answer
	forbidden bool       // the brokers do not allow it
	id        int64      // of the producer, -1: to be asked for
	epoch     int16
	next      map[slot]int32
	// unsure are batches that got a number and no answer that settles it.
	unsure map[slot]digest
}

type slot struct {
	topic     string
	partition int32
}

// digest is of the IDs of a batch: what a template with the time in it makes of
// an event when it is sent again is not another event.
type digest [sha256.Size]byte

func (s *share) digest() digest { return sha256.Sum256([]byte(strings.Join(s.ids, "\n"))) }

func newSequences(log *slog.Logger) *sequences {
	n := &sequences{log: log}
	n.reset()
	return n
}

func (n *sequences) reset() {
	n.id, n.next, n.unsure = -1, map[slot]int32{}, map[slot]digest{}
}

// number numbers the shares. If the brokers do not allow it they stay as they are.
func (n *sequences) number(c sarama.Client, topic string, shares []*share) error {
	if n.forbidden {
		return nil
	}
	if slices.ContainsFunc(shares, func(s *share) bool { return !n.continues(topic, s) }) {
		n.reset()
	}
	if n.id < 0 {
		answer, err := c.InitProducerID()
		switch {
		case err != nil:
			return fmt.Errorf("get a producer ID: %w", err)
		case answer.Err == sarama.ErrClusterAuthorizationFailed:
			// Brokers before 2.8 want a right of its own for it, which upstream did not need.
			n.log.Warn("the brokers do not allow idempotent writes: a batch whose answer is lost may be stored twice")
			n.forbidden = true
			return nil
		case answer.Err != sarama.ErrNoError:
			return fmt.Errorf("get a producer ID: %w", answer.Err)
		}
		n.id, n.epoch = answer.ProducerID, answer.ProducerEpoch
	}
	for _, s := range shares {
		at := slot{topic, s.partition}
		// If the answer is lost, this is what may come again under the same number.
		n.unsure[at] = s.digest()
		s.records.ProducerID, s.records.ProducerEpoch, s.records.FirstSequence = n.id, n.epoch, n.next[at]
	}
	return nil
}

// continues reports whether the share may have the next number.
func (n *sequences) continues(topic string, s *share) bool {
	at := slot{topic, s.partition}
	before, unsure := n.unsure[at]
	return n.next[at] <= math.MaxInt32-int32(len(s.ids)) && (!unsure || before == s.digest())
}

// settle counts what was taken.
func (n *sequences) settle(topic string, shares []*share) {
	for _, s := range shares {
		at := slot{topic, s.partition}
		switch {
		case s.err == nil:
			n.next[at] += int32(len(s.ids))
			delete(n.unsure, at)
		case errors.Is(s.err, sarama.ErrOutOfOrderSequenceNumber), errors.Is(s.err, sarama.ErrUnknownProducerID),
			errors.Is(s.err, sarama.ErrInvalidProducerEpoch), errors.Is(s.err, sarama.ErrInvalidProducerIDMapping),
			errors.Is(s.err, sarama.ErrProducerFenced):
			// The broker has forgotten this producer.
			n.reset()
			return
		}
	}
}
