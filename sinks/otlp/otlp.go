// Package otlp sends events as OpenTelemetry logs to a collector or to whatever
// else speaks its protocol, over HTTP or gRPC.
//
// Accepted means that the receiving side took every record of the request. One
// that says how many it rejected does not say which: that is permanent for one of
// the batch, so that it is cut until the bad one is alone. Send makes one attempt
// and does not retry. Opening connects to nothing. All methods may be called
// concurrently.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the otlp sink.
var Kind = sinks.NewKind("otlp", sinks.Oldest, defaults, open)

const (
	// maxBytes is what a collector takes as one gRPC message unless it is told
	// otherwise (max_recv_msg_size_mib); over HTTP it takes 20 MiB.
	maxBytes = 4 << 20
	// concurrency keeps one receiver from filling a collector's queue.
	concurrency = 4
)

// exporter makes one attempt. Of the answer only the partial success matters.
type exporter interface {
	export(ctx context.Context, request []byte) (*collector.ExportLogsPartialSuccess, error)
	close()
}

type sink struct {
	encoder  *encoder
	exporter exporter
	log      *slog.Logger
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.HTTP.Timeout == 0 {
		c.HTTP.Timeout = httppost.DefaultTimeout
	}
	s := &sink{log: env.Log}
	var err error
	if s.encoder, err = newEncoder(c, env); err != nil {
		return nil, err
	}
	if c.Protocol == overGRPC {
		s.exporter, err = newGRPC(c, env)
	} else {
		s.exporter, err = newHTTP(c, env)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) Limits() sinks.Limits {
	return sinks.Limits{Bytes: maxBytes, RecordBytes: maxBytes, Concurrency: concurrency}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	request, err := s.encoder.encode(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: request}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if len(batch) == 0 {
		return nil
	}
	// Each body is a request for one record, and protobuf messages one after the
	// other are one message with all that is repeated in them.
	bodies := make([][]byte, len(batch))
	for i, r := range batch {
		bodies[i] = r.Body
	}
	partial, err := s.exporter.export(ctx, slices.Concat(bodies...))
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return s.judge(partial, len(batch))
}

func (s *sink) judge(partial *collector.ExportLogsPartialSuccess, n int) error {
	text := httppost.Line(partial.GetErrorMessage())
	if rejected := partial.GetRejectedLogRecords(); rejected > 0 {
		err := fmt.Errorf("export: %d of %d records rejected", rejected, n)
		if text != "" {
			err = fmt.Errorf("%w: %s", err, text)
		}
		return sinks.Permanent(err)
	}
	if text != "" {
		// All are accepted; the protocol says that this is a warning.
		s.log.Warn("the receiving side has something to say", "error", errors.New(text))
	}
	return nil
}

func (s *sink) Close(context.Context) error {
	s.exporter.close()
	return nil
}
