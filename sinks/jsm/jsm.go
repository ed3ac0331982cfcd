// Package jsm opens alerts in Jira Service Management Operations, which takes
// Opsgenie's place, and ends them.
//
// It speaks to an integration, by its key and Opsgenie's Alert API, or to a site,
// by the REST API and an account's token. Accepted means that the service has
// taken the request, which it then works off. A repetition adds to the open alert
// of its alias. Send makes one attempt and does not retry. All methods may be
// called concurrently.
package jsm

import (
	"context"
	"fmt"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/alert"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the jsm sink.
var Kind = sinks.NewKind("jsm", sinks.Now, defaults, open)

type sink struct {
	encoder *alert.Encoder
	client  client
}

// client is a way into the service.
type client interface {
	Send(ctx context.Context, batch []sinks.Record) error
	Close()
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{}
	var err error
	if s.encoder, err = alert.NewEncoder(c.Alert, env.Compiler, c.CloudID != ""); err != nil {
		return nil, err
	}
	if s.client, err = connect(c, env); err != nil {
		return nil, err
	}
	return s, nil
}

// connect connects to nothing yet.
func connect(c Config, env sinks.Env) (client, error) {
	if c.CloudID == "" {
		return alert.NewClient(c.address(), c.APIKey, c.HTTP, env)
	}
	client, err := httppost.New(c.HTTP, env)
	if err != nil {
		return nil, err
	}
	return &site{http: client, config: c, alerts: c.address()}, nil
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
