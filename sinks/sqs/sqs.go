// Package sqs sends events to a queue of Amazon SQS, ten in one request.
//
// Accepted means that the queue has stored the message. SQS may take some
// messages of a request and refuse others, for which it says why one by one: only
// these are sent again. A FIFO queue gets the event's ID to deduplicate by, and
// keeps the order of each group: whatever follows a message of its group that was
// not taken is not sent before that is. Send makes one attempt for each record and
// does not retry; nothing is connected before it, also the queue's URL is asked for
// by the first Send. All methods may be called concurrently.
package sqs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Kind is the sqs sink.
var Kind = sinks.NewKind("sqs", sinks.Oldest, defaults, open)

const (
	maxRecords      = 10
	margin          = 256 // of a message for its attribute id
	maxRequestBytes = 1<<20 - maxRecords*margin
	maxRecordBytes  = 1<<20 - margin // alone
	concurrency     = 4
)

// calls are those that are made: the linker leaves the others out.
type calls struct {
	send     func(context.Context, *awssqs.SendMessageBatchInput, ...func(*awssqs.Options)) (*awssqs.SendMessageBatchOutput, error)
	queueURL func(context.Context, *awssqs.GetQueueUrlInput, ...func(*awssqs.Options)) (*awssqs.GetQueueUrlOutput, error)
}

func connect(c aws.Config) calls {
	api := awssqs.NewFromConfig(c)
	return calls{send: api.SendMessageBatch, queueURL: api.GetQueueUrl}
}

type sink struct {
	config  Config
	client  *awsclient.Client[calls]
	groupID func(*event.Event) (string, error) // nil: the default
	payload func(*event.Event) ([]byte, error)

	url atomic.Pointer[string] // nil until the queue's name was looked up
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c}
	if c.QueueURL != "" {
		s.url.Store(&c.QueueURL)
	}
	var err error
	if !c.MessageGroupID.IsZero() {
		if s.groupID, err = env.Compiler.Template(c.MessageGroupID); err != nil {
			return nil, fmt.Errorf("messageGroupID: %w", err)
		}
	}
	if s.payload, err = env.Compiler.Payload(c.Payload); err != nil {
		return nil, err
	}
	s.client, err = awsclient.New(c.access(), env, connect)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) Limits() sinks.Limits {
	l := sinks.Limits{Records: maxRecords, Bytes: maxRequestBytes, RecordBytes: maxRecordBytes, Concurrency: concurrency}
	if s.config.isFIFO() {
		l.Concurrency = 1 // two at a time could overtake each other
	}
	return l
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	if _, err := s.group(ev); err != nil {
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
		return fmt.Errorf("send messages: %w", err)
	}
	send := func(part []sinks.Record) error { return s.send(ctx, part) }
	if !s.config.isFIFO() {
		return send(batch)
	}
	return awsclient.InGroups(batch, s.group, send)
}

func (s *sink) send(ctx context.Context, batch []sinks.Record) error {
	input := &awssqs.SendMessageBatchInput{Entries: make([]types.SendMessageBatchRequestEntry, len(batch))}
	for i, r := range batch {
		entry, err := s.entry(i, r)
		if err != nil {
			return sinks.Permanent(err)
		}
		input.Entries[i] = entry
	}
	var output *awssqs.SendMessageBatchOutput
	err := s.client.Do(ctx, func(ctx context.Context, api calls) error {
		queue, err := s.queue(ctx, api)
		if err != nil {
			return err
		}
		input.QueueUrl = queue
		output, err = api.send(ctx, input)
		return err
	})
	if err != nil {
		return fmt.Errorf("send messages: %w", err)
	}
	return refused(output, len(batch))
}

func (s *sink) entry(i int, r sinks.Record) (types.SendMessageBatchRequestEntry, error) {
	group, err := s.group(r.Event)
	if err != nil {
		return types.SendMessageBatchRequestEntry{}, err
	}
	id := awsclient.Token(r.ID, "event")
	e := types.SendMessageBatchRequestEntry{
		Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(r.Body)),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"id": {DataType: aws.String("String"), StringValue: &id},
		},
	}
	if group != "" {
		e.MessageGroupId = &group
	}
	if s.config.isFIFO() {
		e.MessageDeduplicationId = &id
	}
	return e, nil
}

// queue is the queue's URL.
func (s *sink) queue(ctx context.Context, api calls) (*string, error) {
	if url := s.url.Load(); url != nil {
		return url, nil
	}
	input := &awssqs.GetQueueUrlInput{QueueName: &s.config.QueueName}
	if s.config.AccountID != "" {
		input.QueueOwnerAWSAccountId = &s.config.AccountID
	}
	output, err := api.queueURL(ctx, input)
	if err != nil {
		return nil, err
	}
	s.url.Store(output.QueueUrl)
	return output.QueueUrl, nil
}

// refused is which messages an answer says were not taken.
func refused(output *awssqs.SendMessageBatchOutput, sent int) error {
	if len(output.Failed)+len(output.Successful) != sent {
		return fmt.Errorf("send messages: the answer is about %d messages of %d", len(output.Failed)+len(output.Successful), sent)
	}
	partial := &sinks.PartialError{Refused: map[int]error{}}
	for _, f := range output.Failed {
		i, err := strconv.Atoi(aws.ToString(f.Id))
		if err != nil || i < 0 || i >= sent {
			return errors.New("send messages: the answer is about a message that was not sent")
		}
		partial.Refused[i] = fmt.Errorf("send messages: %w",
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
