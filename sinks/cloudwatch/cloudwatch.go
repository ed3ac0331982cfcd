// Package cloudwatch writes events to a stream of Amazon CloudWatch Logs,
// thousands in one request.
//
// Accepted means that CloudWatch has stored the log event, at the time when the
// event happened. It takes what is neither too old nor too new and says what it
// has refused for that: this can never be accepted. A log stream that does not
// exist is made by the first Send that needs it. Send makes one attempt and does
// not retry; nothing is connected before it. All methods may be called concurrently.
package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Kind is the cloudwatch sink.
var Kind = sinks.NewKind("cloudwatch", sinks.Oldest, defaults, open)

const (
	maxRecords      = 10_000
	perRecord       = 26 // bytes that CloudWatch counts beside the message
	maxRequestBytes = 1<<20 - maxRecords*perRecord
	maxRecordBytes  = 1<<20 - perRecord // alone
	concurrency     = 4
)

// calls are those that are made: the linker leaves the others out.
type calls struct {
	put          func(context.Context, *cloudwatchlogs.PutLogEventsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.PutLogEventsOutput, error)
	createStream func(context.Context, *cloudwatchlogs.CreateLogStreamInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.CreateLogStreamOutput, error)
}

func connect(c aws.Config) calls {
	api := cloudwatchlogs.NewFromConfig(c)
	return calls{put: api.PutLogEvents, createStream: api.CreateLogStream}
}

type sink struct {
	config  Config
	client  *awsclient.Client[calls]
	stream  func(*event.Event) (string, error)
	payload func(*event.Event) ([]byte, error)
	now     func() time.Time
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c, now: env.Now}
	var err error
	if s.stream, err = env.Compiler.Template(c.LogStreamName); err != nil {
		return nil, fmt.Errorf("logStreamName: %w", err)
	}
	if s.payload, err = env.Compiler.Payload(c.Payload); err != nil {
		return nil, err
	}
	s.client, err = awsclient.New(c.AWS, env, connect)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) Limits() sinks.Limits {
	return sinks.Limits{Records: maxRecords, Bytes: maxRequestBytes, RecordBytes: maxRecordBytes, Concurrency: concurrency}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	stream, err := s.stream(ev)
	if err != nil {
		return sinks.Record{}, fmt.Errorf("logStreamName: %w", err)
	}
	if stream = streamName(stream); stream == "" {
		return sinks.Record{}, s.config.LogStreamName.Position.Errorf("logStreamName: as rendered for this event it is empty")
	}
	body, err := s.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Key: key(stream, ev.Time()), Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := awsclient.Fits(batch, s.Limits()); err != nil {
		return fmt.Errorf("put log events: %w", err)
	}
	if len(batch) == 0 {
		return nil
	}
	stream := streamOf(batch[0].Key)
	events, places := inOrder(batch, s.now())
	var output *cloudwatchlogs.PutLogEventsOutput
	missing := false
	err := s.client.Do(ctx, func(ctx context.Context, api calls) (err error) {
		output, err = api.put(ctx, &cloudwatchlogs.PutLogEventsInput{
			LogGroupName: &s.config.LogGroupName, LogStreamName: &stream, LogEvents: events,
		})
		missing = isMissingStream(err)
		return err
	})
	if missing && s.config.CreateLogStream {
		return s.create(ctx, stream)
	}
	if err != nil {
		return fmt.Errorf("put log events: %w", err)
	}
	return refused(output.RejectedLogEventsInfo, places)
}

// isMissingStream tells the stream from its group, which has the same code.
func isMissingStream(err error) bool {
	var missing *types.ResourceNotFoundException
	return errors.As(err, &missing) && strings.Contains(strings.ToLower(missing.ErrorMessage()), "log stream")
}

// create makes the stream. Its batch was not taken, so it comes again in any case.
func (s *sink) create(ctx context.Context, stream string) error {
	err := s.client.Do(ctx, func(ctx context.Context, api calls) error {
		_, err := api.createStream(ctx, &cloudwatchlogs.CreateLogStreamInput{
			LogGroupName: &s.config.LogGroupName, LogStreamName: &stream,
		})
		var there *types.ResourceAlreadyExistsException
		if errors.As(err, &there) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("create the log stream: %w", err)
	}
	return errors.New("put log events: the log stream did not exist and has been made")
}

// refused is what an answer says is outside of the times that are taken. Its
// indices are into the sorted batch.
func refused(info *types.RejectedLogEventsInfo, places []int) error {
	if info == nil {
		return nil
	}
	partial := &sinks.PartialError{Refused: map[int]error{}}
	refuse := func(from, to int, why string) {
		for i := max(from, 0); i < min(to, len(places)); i++ {
			partial.Refused[places[i]] = sinks.Permanent(errors.New("put log events: the event is " + why))
		}
	}
	if end := info.ExpiredLogEventEndIndex; end != nil {
		refuse(0, int(*end), "older than the log group keeps events")
	}
	if end := info.TooOldLogEventEndIndex; end != nil {
		refuse(0, int(*end), "older than 14 days")
	}
	if begin := info.TooNewLogEventStartIndex; begin != nil {
		refuse(int(*begin), len(places), "more than 2 hours in the future")
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
