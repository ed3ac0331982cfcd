package prometheus

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// The service is the registry of this process, which does not fail. What the
// suite asks a failing service for is put between: Send, and then the real one.
func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{
		Start: func(t *testing.T) sinktest.Destination {
			s := &service{over: make(chan struct{})}
			t.Cleanup(func() { close(s.over) })
			return sinktest.Destination{Kind: kind(s.through), Service: s}
		},
		NoRefusal:          "any event can be counted",
		NoDenial:           "there are no credentials, no name and no address",
		NoThrottle:         "counting is never too much",
		NoPartial:          "a batch is counted as a whole",
		NoLostReply:        "counting returns in the same process",
		NoDeduplicationKey: "a count has no key; what is sent again is not counted again",
		NoSecrets:          "the Config holds none",
		NoRecordLimit:      "there are no limits",
		NoByteLimit:        "there are no limits",
		NoRecordByteLimit:  "there are no limits",
	})
}

type service struct {
	over chan struct{}

	mu       sync.Mutex
	script   []sinktest.Answer
	attempts int
	held     []sinktest.Delivery
}

func (s *service) through(next send) send {
	return func(ctx context.Context, batch []sinks.Record) error {
		s.mu.Lock()
		s.attempts++
		var a sinktest.Answer
		if len(s.script) > 0 {
			a, s.script = s.script[0], s.script[1:]
		}
		s.mu.Unlock()
		switch a.Outcome {
		case sinktest.Unavailable:
			return errors.New("unavailable")
		case sinktest.Silent:
			select {
			case <-ctx.Done():
			case <-s.over:
			}
		}
		if err := next(ctx, batch); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, r := range batch {
			s.held = append(s.held, sinktest.Delivery{Body: bytes.Clone(r.Body)})
		}
		return nil
	}
}

func (s *service) Script(answers ...sinktest.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, answers...)
}

func (s *service) Attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

func (s *service) Deliveries() []sinktest.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sinktest.Delivery(nil), s.held...)
}
