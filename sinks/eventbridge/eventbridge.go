// Package eventbridge puts events on a bus of Amazon EventBridge, ten in one
// request.
//
// Accepted means that the bus has taken the entry. EventBridge answers 200 also
// when it refused some entries, for which it says why one by one: only these are
// sent again. The time of an entry is when the event happened. Send makes one
// attempt and does not retry; nothing is connected before it. All methods may be
// called concurrently.
package eventbridge

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Kind is the eventbridge sink.
var Kind = sinks.NewKind("eventbridge", sinks.Oldest, defaults, open)

const (
	maxRecords      = 10
	maxRequestBytes = 256_000 - maxRecords*margin - 1 // with several entries: what every region takes
	maxRecordBytes  = 1<<20 - margin - 1              // most regions take "less than 1MB"
	concurrency     = 4
)

// putEvents is the one call that is made: the linker leaves the others out.
type putEvents func(context.Context, *awseventbridge.PutEventsInput, ...func(*awseventbridge.Options)) (*awseventbridge.PutEventsOutput, error)

type sink struct {
	config     Config
	client     *awsclient.Client[putEvents]
	source     func(*event.Event) (string, error)
	detailType func(*event.Event) (string, error)
	details    func(*event.Event) ([]byte, error)
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c}
	var err error
	if s.source, err = env.Compiler.Template(c.Source); err != nil {
		return nil, fmt.Errorf("source: %w", err)
	}
	if s.detailType, err = env.Compiler.Template(c.DetailType); err != nil {
		return nil, fmt.Errorf("detailType: %w", err)
	}
	if s.details, err = env.Compiler.Payload(sinks.Payload{Layout: c.Details, DeDot: c.DeDot}); err != nil {
		return nil, fmt.Errorf("details: %w", err)
	}
	s.client, err = awsclient.New(c.AWS, env, func(c aws.Config) putEvents { return awseventbridge.NewFromConfig(c).PutEvents })
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) Limits() sinks.Limits {
	return sinks.Limits{Records: maxRecords, Bytes: maxRequestBytes, RecordBytes: maxRecordBytes, Concurrency: concurrency}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	if _, err := s.envelope(ev); err != nil {
		return sinks.Record{}, err
	}
	body, err := s.details(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := awsclient.Fits(batch, s.Limits()); err != nil {
		return fmt.Errorf("put events: %w", err)
	}
	input := &awseventbridge.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, len(batch))}
	for i, r := range batch {
		entry, err := s.entry(r)
		if err != nil {
			return sinks.Permanent(err)
		}
		input.Entries[i] = entry
	}
	var output *awseventbridge.PutEventsOutput
	err := s.client.Do(ctx, func(ctx context.Context, putEvents putEvents) (err error) {
		output, err = putEvents(ctx, input)
		return err
	})
	if err != nil {
		return fmt.Errorf("put events: %w", err)
	}
	return refused(output, len(batch))
}

func (s *sink) entry(r sinks.Record) (types.PutEventsRequestEntry, error) {
	around, err := s.envelope(r.Event)
	if err != nil {
		return types.PutEventsRequestEntry{}, err
	}
	e := types.PutEventsRequestEntry{
		Source: &around.source, DetailType: &around.detailType, Detail: aws.String(string(r.Body)),
	}
	if s.config.EventBusName != "" {
		e.EventBusName = &s.config.EventBusName
	}
	if at := r.Event.Time(); !at.IsZero() { // without one it is the time of arrival
		e.Time = &at
	}
	return e, nil
}

// refused is which entries of an answer have an error code.
func refused(output *awseventbridge.PutEventsOutput, sent int) error {
	if len(output.Entries) != sent {
		return fmt.Errorf("put events: the answer is about %d entries of %d", len(output.Entries), sent)
	}
	partial := &sinks.PartialError{Refused: map[int]error{}}
	for i, e := range output.Entries {
		if code := aws.ToString(e.ErrorCode); code != "" {
			partial.Refused[i] = fmt.Errorf("put events: %w",
				awsclient.EntryError(output.ResultMetadata, code, aws.ToString(e.ErrorMessage), false))
		}
	}
	if len(partial.Refused) > 0 {
		return partial
	}
	return nil
}

func (s *sink) Close(context.Context) error {
	s.client.Close()
	return nil
}
