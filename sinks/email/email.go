// Package email sends events as mail over SMTP, one message each, many messages
// over one connection.
//
// A server's 250 at the end of a message means that it has taken it for all
// recipients that it accepted before. A message has the same Message-ID however
// often it is sent, by which mail programs recognise a repetition. Send makes one
// connection and does not retry. All methods may be called concurrently.
package email

import (
	"context"
	"fmt"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the email sink.
var Kind = sinks.NewKind("email", sinks.Now, defaults, open)

type sink struct {
	config    Config
	addresses addressBook
	letters   letters
	dialer    *httppost.Dialer
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c}
	var err error
	if s.addresses, err = newAddressBook(c, env.Compiler); err != nil {
		return nil, err
	}
	if s.letters, err = newLetters(c, env.Compiler); err != nil {
		return nil, err
	}
	if s.dialer, err = httppost.NewDialer(c.TLS, c.Encryption != none, env); err != nil {
		return nil, err
	}
	return s, nil
}

// Limits: mail servers take about as many connections of one client as they take
// from a person, so there is one at a time.
func (s *sink) Limits() sinks.Limits {
	return sinks.Limits{Records: s.config.Batch.Size, Concurrency: 1}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	to, err := s.addresses.of(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	l, err := s.letters.event(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	body, err := l.encode(to)
	return sinks.Record{ID: ev.ID(), Key: to.key(), Event: ev, Body: body}, err
}

// EncodeDigest makes one message; its addresses are those of its newest event.
func (s *sink) EncodeDigest(d *sinks.Digest) (sinks.Record, error) {
	to, err := s.addresses.of(d.Newest)
	if err != nil {
		return sinks.Record{}, err
	}
	l, err := s.letters.digest(d)
	if err != nil {
		return sinks.Record{}, err
	}
	body, err := l.encode(to)
	return sinks.Record{ID: d.ID, Key: to.key(), Event: d.Newest, Body: body}, err
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if limit := s.config.Batch.Size; len(batch) > limit {
		return sinks.Permanent(fmt.Errorf("send: %d messages for a connection of at most %d", len(batch), limit))
	}
	if len(batch) == 0 {
		return nil
	}
	// The addresses of all of them: they share the Key.
	to, err := s.addresses.of(batch[0].Event)
	if err != nil {
		return sinks.Permanent(fmt.Errorf("send: %w", err))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.config.Timeout, fmt.Errorf("not done within %s", s.config.Timeout))
	defer cancel()
	session, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	defer session.end()
	refused := map[int]error{}
	for i, r := range batch {
		err := session.deliver(to, r.Body)
		if err == nil {
			continue
		}
		refused[i] = fmt.Errorf("send: %w", err)
		if !sinks.IsPermanent(err) {
			// Whoever comes later must not overtake, and a broken connection takes no more.
			for rest := i + 1; rest < len(batch); rest++ {
				refused[rest] = refused[i]
			}
			if i == 0 {
				return refused[i]
			}
			break
		}
	}
	switch {
	case len(refused) == 0:
		return nil
	case len(batch) == 1:
		return refused[0]
	}
	return &sinks.PartialError{Refused: refused}
}

func (s *sink) Close(context.Context) error { return nil }

const defaultTimeout = time.Minute
