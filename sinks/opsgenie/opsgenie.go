// Package opsgenie opens alerts in Opsgenie and ends them.
//
// Accepted means that Opsgenie has taken the request, which it then works off: it
// answers 202. A repetition adds to the open alert of its alias. Send makes one
// attempt and does not retry. All methods may be called concurrently.
//
// Opsgenie's Go SDK is not used to send: it takes a host where an address is
// wanted, speaks http to hosts without "api" in their name, does not escape an
// alias in a path, and keeps its User-Agent in a variable that every client
// writes. A test compares its requests with ours.
package opsgenie

import (
	"context"
	"fmt"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/alert"
)

// Kind is the opsgenie sink.
var Kind = sinks.NewKind("opsgenie", sinks.Now, defaults, open)

type sink struct {
	encoder *alert.Encoder
	client  *alert.Client
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{}
	var err error
	if s.encoder, err = alert.NewEncoder(c.Alert, env.Compiler, false); err != nil {
		return nil, err
	}
	if s.client, err = alert.NewClient(c.address(), c.APIKey, c.HTTP, env); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) Limits() sinks.Limits { return alert.Limits() }

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if len(batch) == 0 {
		return nil
	}
	if err := s.client.Send(ctx, batch); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

func (s *sink) Close(context.Context) error {
	s.client.Close()
	return nil
}
