package nats

import (
	"context"
	"errors"
	"fmt"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/packetboat/packetboat/sinks"
)

// publish makes one attempt for all messages.
func (c *client) publish(ctx context.Context, messages []*natsgo.Msg) error {
	l, err := c.connected()
	if err != nil {
		return err
	}
	refused := map[int]error{}
	acks := make([]jetstream.PubAckFuture, len(messages))
	for i, m := range messages {
		acks[i], err = l.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
		if err != nil {
			refused[i] = publishError(err)
		}
	}
	silent := map[string][]int{} // by subject, so that a batch asks once, when all else is answered
	for i, ack := range acks {
		if ack == nil {
			continue
		}
		err, subject := l.await(ctx, ack), messages[i].Subject
		switch {
		case err == nil:
		case errors.Is(err, jetstream.ErrNoStreamResponse):
			silent[subject] = append(silent[subject], i)
		default:
			refused[i] = c.answerError(subject, err)
		}
	}
	for subject, indexes := range silent {
		err := c.noStream(ctx, l, subject)
		for _, i := range indexes {
			refused[i] = err
		}
	}
	select {
	case <-l.denied: // it stays so for a connection
		l.conn.Close()
	default:
	}
	return outcome(refused, len(messages))
}

var (
	errClosed = errors.New("the connection broke")
	errDenied = errors.New("the server does not allow to publish to this subject, or to listen for the answer")
)

func (l *line) await(ctx context.Context, ack jetstream.PubAckFuture) error {
	select {
	case <-ack.Ok():
		return nil
	case err := <-ack.Err():
		return err
	case <-l.denied:
		return errDenied
	case <-l.closed:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// outcome is the answer of Send. Each message has an answer of its own.
func outcome(refused map[int]error, messages int) error {
	var transient error
	for _, err := range refused {
		if sinks.IsStop(err) {
			return err
		}
		if !sinks.IsPermanent(err) {
			transient = err
		}
	}
	switch {
	case len(refused) == 0:
		return nil
	case len(refused) == messages && transient != nil:
		return transient
	}
	return &sinks.PartialError{Refused: refused}
}

func publishError(err error) error {
	if errors.Is(err, natsgo.ErrMaxPayload) {
		return sinks.Permanent(fmt.Errorf("publish: %w", err))
	}
	return fmt.Errorf("publish: %w", err)
}

// Codes that the client library has no name for (errors.json of nats-server).
const (
	errStreamMismatch  jetstream.ErrorCode = 10060
	errHeadersTooLarge jetstream.ErrorCode = 10097 // more than 64 KiB
	errStreamSealed    jetstream.ErrorCode = 10109
)

// answerError judges what came instead of an acknowledgement. The server's words
// are left out: what they hold is not for us to say.
func (c *client) answerError(subject string, err error) error {
	var answer *jetstream.APIError
	switch {
	case errors.Is(err, errDenied):
		return sinks.Stop(err)
	case !errors.As(err, &answer):
		return fmt.Errorf("no acknowledgement: %w", err)
	}
	said := fmt.Errorf("answered %d, code %d", answer.Code, answer.ErrorCode)
	switch answer.ErrorCode {
	case jetstream.JSErrCodeStreamMessageExceedsMaximum, errHeadersTooLarge:
		return sinks.Permanent(fmt.Errorf("%w: larger than the stream's maximum", said))
	case errStreamMismatch:
		return c.wrongSubject(fmt.Errorf("%w: subject %s belongs to another stream than the one that is wanted", said, subject))
	case jetstream.JSErrCodeJetStreamNotEnabled, jetstream.JSErrCodeJetStreamNotEnabledForAccount,
		jetstream.JSErrCodeStreamNotFound, errStreamSealed:
		return sinks.Stop(said)
	}
	return said
}

// noStream tells a subject that no stream has from a stream without a leader,
// which nobody answers for either.
func (c *client) noStream(ctx context.Context, l *line, subject string) error {
	// Without the right to ask there is no answer to wait for.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-l.denied:
			cancel()
		case <-ctx.Done():
		}
	}()
	if _, err := l.js.StreamNameBySubject(ctx, subject); errors.Is(err, jetstream.ErrStreamNotFound) {
		return c.wrongSubject(fmt.Errorf("no stream has subject %s", subject))
	}
	return fmt.Errorf("no answer from the stream of subject %s", subject)
}

// wrongSubject is the receiver's fault, or that of the event which chose it.
func (c *client) wrongSubject(err error) error {
	if c.config.subjectIsConstant() {
		return sinks.Stop(err)
	}
	return sinks.Permanent(err)
}
