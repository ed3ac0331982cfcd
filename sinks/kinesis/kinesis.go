// Package kinesis puts events into a stream of Amazon Kinesis Data Streams, up
// to 500 in one request.
//
// Accepted means that the stream has stored the record. Kinesis may take some
// records of a request and refuse others, for which it says why one by one: only
// these are sent again. Send makes one attempt and does not retry; nothing is
// connected before it. All methods may be called concurrently.
package kinesis

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskinesis "github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Kind is the kinesis sink.
var Kind = sinks.NewKind("kinesis", sinks.Oldest, defaults, open)

const (
	maxRecords = 500
	// What a request had from the beginning; by now it may have 10 MiB. A stream
	// takes records of 1 MiB unless it is set to more, and then says so itself.
	maxBytes    = 5<<20 - maxRecords*maxKeyBytes
	concurrency = 4
)

// putRecords is the one call that is made: the linker leaves the others out.
type putRecords func(context.Context, *awskinesis.PutRecordsInput, ...func(*awskinesis.Options)) (*awskinesis.PutRecordsOutput, error)

type sink struct {
	config       Config
	client       *awsclient.Client[putRecords]
	partitionKey func(*event.Event) (string, error) // nil: the event's UID
	payload      func(*event.Event) ([]byte, error)
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.AWS.Region == "" {
		c.AWS.Region = awsconfig.RegionOf(c.StreamARN)
	}
	s := &sink{config: c}
	var err error
	if !c.PartitionKey.IsZero() {
		if s.partitionKey, err = env.Compiler.Template(c.PartitionKey); err != nil {
			return nil, fmt.Errorf("partitionKey: %w", err)
		}
	}
	if s.payload, err = env.Compiler.Payload(c.Payload); err != nil {
		return nil, err
	}
	s.client, err = awsclient.New(c.AWS, env, func(c aws.Config) putRecords { return awskinesis.NewFromConfig(c).PutRecords })
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) Limits() sinks.Limits {
	return sinks.Limits{Records: maxRecords, Bytes: maxBytes, RecordBytes: maxBytes, Concurrency: concurrency}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	if _, err := s.keyOf(ev); err != nil {
		return sinks.Record{}, err
	}
	body, err := s.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := awsclient.Fits(batch, s.Limits()); err != nil {
		return fmt.Errorf("put records: %w", err)
	}
	input := &awskinesis.PutRecordsInput{Records: make([]types.PutRecordsRequestEntry, len(batch))}
	if s.config.StreamARN != "" {
		input.StreamARN = &s.config.StreamARN
	} else {
		input.StreamName = &s.config.StreamName
	}
	for i, r := range batch {
		key, err := s.keyOf(r.Event)
		if err != nil {
			return sinks.Permanent(err)
		}
		input.Records[i] = types.PutRecordsRequestEntry{Data: r.Body, PartitionKey: &key}
	}
	var output *awskinesis.PutRecordsOutput
	err := s.client.Do(ctx, func(ctx context.Context, putRecords putRecords) (err error) {
		output, err = putRecords(ctx, input)
		return err
	})
	if err != nil {
		return fmt.Errorf("put records: %w", err)
	}
	return refused(output, len(batch))
}

// refused is which records of an answer have an error code.
func refused(output *awskinesis.PutRecordsOutput, sent int) error {
	partial := &sinks.PartialError{Refused: map[int]error{}}
	for i, r := range output.Records {
		if code := aws.ToString(r.ErrorCode); code != "" {
			partial.Refused[i] = fmt.Errorf("put records: %w",
				awsclient.EntryError(output.ResultMetadata, code, aws.ToString(r.ErrorMessage), false))
		}
	}
	if len(output.Records) != sent {
		return fmt.Errorf("put records: the answer is about %d records of %d", len(output.Records), sent)
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
