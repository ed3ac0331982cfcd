// Package sns publishes events to a topic of Amazon SNS, ten in one request.
//
// Accepted means that the topic has stored the message. SNS may take some
// messages of a request and refuse others, for which it says why one by one: only
// these are sent again. A FIFO topic gets the event's ID to deduplicate by, and
// keeps the order of each group: whatever follows a message of its group that was
// not taken is not sent before that is. Send makes one attempt for each record and
// does not retry; nothing is connected before it. All methods may be called concurrently.
package sns

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Kind is the sns sink.
var Kind = sinks.NewKind("sns", sinks.Oldest, defaults, open)

const (
	maxRecords  = 10
	maxRequest  = 256 << 10 // of a topic whose MaximumMessageSize nobody has raised
	maxRecord   = 1 << 20   // what it can be raised to
	concurrency = 4
)

// publish is the one call that is made: the linker leaves the others out.
type publish func(context.Context, *awssns.PublishBatchInput, ...func(*awssns.Options)) (*awssns.PublishBatchOutput, error)

type sink struct {
	config     Config
	client     *awsclient.Client[publish]
	subject    func(*event.Event) (string, error) // nil: none
	groupID    func(*event.Event) (string, error) // nil: the default
	attributes map[string]func(*event.Event) (string, error)
	payload    func(*event.Event) ([]byte, error)
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.AWS.Region == "" {
		c.AWS.Region = awsconfig.RegionOf(c.TopicARN)
	}
	s := &sink{config: c, attributes: map[string]func(*event.Event) (string, error){}}
	if err := s.compile(env.Compiler); err != nil {
		return nil, err
	}
	var err error
	s.client, err = awsclient.New(c.AWS, env, func(c aws.Config) publish { return awssns.NewFromConfig(c).PublishBatch })
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) compile(compiler sinks.Compiler) (err error) {
	if !s.config.Subject.IsZero() {
		if s.subject, err = compiler.Template(s.config.Subject); err != nil {
			return fmt.Errorf("subject: %w", err)
		}
	}
	if !s.config.MessageGroupID.IsZero() {
		if s.groupID, err = compiler.Template(s.config.MessageGroupID); err != nil {
			return fmt.Errorf("messageGroupID: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.config.Attributes)) {
		if s.attributes[name], err = compiler.Template(s.config.Attributes[name]); err != nil {
			return fmt.Errorf("attributes: %s: %w", name, err)
		}
	}
	s.payload, err = compiler.Payload(s.config.Payload)
	return err
}

func (s *sink) Limits() sinks.Limits {
	margin := s.config.margin()
	l := sinks.Limits{
		Records: maxRecords, Bytes: maxRequest - maxRecords*margin, RecordBytes: maxRecord - margin, Concurrency: concurrency,
	}
	if s.config.isFIFO() {
		l.Concurrency = 1 // two at a time could overtake each other
	}
	return l
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	if _, err := s.envelope(ev); err != nil {
		return sinks.Record{}, err
	}
	body, err := s.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: awsclient.Message(body)}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := awsclient.Fits(batch, s.Limits()); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	send := func(part []sinks.Record) error { return s.send(ctx, part) }
	if !s.config.isFIFO() {
		return send(batch)
	}
	return awsclient.InGroups(batch, s.group, send)
}

func (s *sink) group(ev *event.Event) (string, error) {
	around, err := s.envelope(ev)
	return around.group, err
}

func (s *sink) send(ctx context.Context, batch []sinks.Record) error {
	input := &awssns.PublishBatchInput{
		TopicArn: &s.config.TopicARN, PublishBatchRequestEntries: make([]types.PublishBatchRequestEntry, len(batch)),
	}
	for i, r := range batch {
		entry, err := s.entry(i, r)
		if err != nil {
			return sinks.Permanent(err)
		}
		input.PublishBatchRequestEntries[i] = entry
	}
	var output *awssns.PublishBatchOutput
	err := s.client.Do(ctx, func(ctx context.Context, publish publish) (err error) {
		output, err = publish(ctx, input)
		return err
	})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return refused(output, len(batch))
}

func (s *sink) entry(i int, r sinks.Record) (types.PublishBatchRequestEntry, error) {
	around, err := s.envelope(r.Event)
	if err != nil {
		return types.PublishBatchRequestEntry{}, err
	}
	id := awsclient.Token(r.ID, "event")
	around.attributes[idAttribute] = attribute(id)
	e := types.PublishBatchRequestEntry{
		Id: aws.String(strconv.Itoa(i)), Message: aws.String(string(r.Body)), MessageAttributes: around.attributes,
	}
	if around.subject != "" {
		e.Subject = &around.subject
	}
	if around.group != "" {
		e.MessageGroupId = &around.group
	}
	if s.config.isFIFO() {
		e.MessageDeduplicationId = &id
	}
	return e, nil
}

// refused is which messages an answer says were not taken.
func refused(output *awssns.PublishBatchOutput, sent int) error {
	if len(output.Failed)+len(output.Successful) != sent {
		return fmt.Errorf("publish: the answer is about %d messages of %d", len(output.Failed)+len(output.Successful), sent)
	}
	partial := &sinks.PartialError{Refused: map[int]error{}}
	for _, f := range output.Failed {
		i, err := strconv.Atoi(aws.ToString(f.Id))
		if err != nil || i < 0 || i >= sent {
			return errors.New("publish: the answer is about a message that was not sent")
		}
		partial.Refused[i] = fmt.Errorf("publish: %w",
			awsclient.EntryError(output.ResultMetadata, aws.ToString(f.Code), aws.ToString(f.Message), f.SenderFault))
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
