// Package stdout writes events to the standard output as JSON lines.
//
// A batch is one write, and writes never mix. Accepted means that the operating
// system has taken the write; where standard output is a file, it is not
// forced to the disk. Send makes one attempt and does not retry. All methods
// may be called concurrently. Nothing else of the program writes there: logs go
// to the standard error.
package stdout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// Kind is the stdout sink.
var Kind = kind(func() io.Writer { return os.Stdout })

func kind(output func() io.Writer) sinks.Kind {
	return sinks.NewKind("stdout", sinks.Oldest, defaults,
		func(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
			payload, err := env.Compiler.Payload(c.Payload)
			if err != nil {
				return nil, err
			}
			return &sink{payload: payload, output: output(), turn: make(chan struct{}, 1)}, nil
		})
}

type sink struct {
	payload func(*event.Event) ([]byte, error)
	output  io.Writer
	turn    chan struct{} // held by the one who writes
	torn    bool          // the last write ended within a line; guarded by turn
}

func (s *sink) Limits() sinks.Limits { return sinks.Limits{Concurrency: 1} }

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	body, err := s.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: append(body, '\n')}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("write to the standard output: %w", err)
	}
	var lines bytes.Buffer
	for _, r := range batch {
		lines.Write(r.Body)
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("write to the standard output: %w", ctx.Err())
	}
	// Whoever reads our output may stop reading. A write that has begun cannot
	// be taken back without tearing a line, so it goes on alone and keeps its
	// turn: there is at most one of them.
	done := make(chan error, 1)
	go func() {
		defer func() { <-s.turn }()
		done <- s.write(lines.Bytes())
	}()
	select {
	case err := <-done:
		return verdict(err)
	case <-ctx.Done():
		return fmt.Errorf("write to the standard output: %w", ctx.Err())
	}
}

func (s *sink) write(lines []byte) error {
	if s.torn {
		lines = append([]byte("\n"), lines...)
	}
	n, err := s.output.Write(lines)
	if n > 0 {
		s.torn = lines[n-1] != '\n'
	}
	return err
}

// Close leaves the standard output open: it is not ours.
func (s *sink) Close(context.Context) error { return nil }

func verdict(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EPIPE), errors.Is(err, os.ErrClosed):
		return sinks.Stop(fmt.Errorf("write to the standard output: nobody reads it any more: %w", err))
	}
	return fmt.Errorf("write to the standard output: %w", err)
}
