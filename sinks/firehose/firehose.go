// Package firehose puts events into a stream of Amazon Data Firehose, up to 500
// in one request, each of them a line of its own.
//
// Accepted means that Firehose has stored the record; it delivers to the stream's
// destination later. Firehose may take some records of a request and refuse
// others, for which it says why one by one: only these are sent again. Send makes
// one attempt and does not retry; nothing is connected before it. All methods may
// be called concurrently.
package firehose

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsfirehose "github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Kind is the firehose sink.
var Kind = sinks.NewKind("firehose", sinks.Oldest, defaults, open)

const (
	maxRecords      = 500
	maxRecordBytes  = 1000 << 10 // before base64
	maxRequestBytes = 4 << 20
	concurrency     = 4
)

// putRecords is the one call that is made: the linker leaves the others out.
type putRecords func(context.Context, *awsfirehose.PutRecordBatchInput, ...func(*awsfirehose.Options)) (*awsfirehose.PutRecordBatchOutput, error)

type sink struct {
	config  Config
	client  *awsclient.Client[putRecords]
	payload func(*event.Event) ([]byte, error)
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	payload, err := env.Compiler.Payload(c.Payload)
	if err != nil {
		return nil, err
	}
	client, err := awsclient.New(c.AWS, env, func(c aws.Config) putRecords { return awsfirehose.NewFromConfig(c).PutRecordBatch })
	if err != nil {
		return nil, err
	}
	return &sink{config: c, client: client, payload: payload}, nil
}

func (s *sink) Limits() sinks.Limits {
	return sinks.Limits{Records: maxRecords, Bytes: maxRequestBytes, RecordBytes: maxRecordBytes, Concurrency: concurrency}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	body, err := s.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	if s.config.Newline {
		body = append(body, '\n')
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := awsclient.Fits(batch, s.Limits()); err != nil {
		return fmt.Errorf("put records: %w", err)
	}
	input := &awsfirehose.PutRecordBatchInput{
		DeliveryStreamName: &s.config.DeliveryStreamName, Records: make([]types.Record, len(batch)),
	}
	for i, r := range batch {
		input.Records[i] = types.Record{Data: r.Body}
	}
	var output *awsfirehose.PutRecordBatchOutput
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
func refused(output *awsfirehose.PutRecordBatchOutput, sent int) error {
	if len(output.RequestResponses) != sent {
		return fmt.Errorf("put records: the answer is about %d records of %d", len(output.RequestResponses), sent)
	}
	partial := &sinks.PartialError{Refused: map[int]error{}}
	for i, r := range output.RequestResponses {
		if code := aws.ToString(r.ErrorCode); code != "" {
			partial.Refused[i] = fmt.Errorf("put records: %w",
				awsclient.EntryError(output.ResultMetadata, code, aws.ToString(r.ErrorMessage), false))
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
