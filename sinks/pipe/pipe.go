// Package pipe writes events as JSON lines to a named pipe, or appends them to a
// file.
//
// Accepted means that the kernel has the lines in the pipe; what a reader that
// dies has not read is lost with it. A file is forced to the disk. A line may
// arrive twice, but never glued to another, also after a reader was too slow or
// gone in the middle of a line. Send makes one attempt and does not retry. All
// methods may be called concurrently.
package pipe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// Kind is the pipe sink.
var Kind = kind((*os.File).Write)

// kind takes the system call that fails in tests.
func kind(write func(f *os.File, b []byte) (int, error)) sinks.Kind {
	return sinks.NewKind("pipe", sinks.Oldest, defaults,
		func(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
			if err := c.check(); err != nil {
				return nil, err
			}
			payload, err := env.Compiler.Payload(c.Payload)
			if err != nil {
				return nil, err
			}
			return &sink{path: c.Path, payload: payload, system: write, turn: make(chan struct{}, 1)}, nil
		})
}

type sink struct {
	path    string
	payload func(*event.Event) ([]byte, error)
	system  func(f *os.File, b []byte) (int, error)

	// turn is held by the one who writes; it guards what follows. A mutex would
	// not let go of those who wait when their context ends.
	turn    chan struct{}
	file    *os.File
	regular bool
	// owed is the rest of the line that the last write left unfinished in the
	// open pipe, or the line break that keeps the next line from being glued to it.
	owed []byte
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
		return fmt.Errorf("write to the pipe: %w", err)
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return fmt.Errorf("write to the pipe: %w", ctx.Err())
	}
	if err := s.connect(); err != nil {
		return verdict(fmt.Errorf("open the pipe: %w", err))
	}
	var lines bytes.Buffer
	lines.Write(s.owed)
	for _, r := range batch {
		lines.Write(r.Body)
	}
	if err := s.write(ctx, lines.Bytes()); err != nil {
		return verdict(fmt.Errorf("write to the pipe: %w", err))
	}
	return nil
}

// connect opens the path if it is not open. Without O_NONBLOCK that would wait
// for a reader; with it, there is ENXIO.
func (s *sink) connect() error {
	if s.file != nil {
		return nil
	}
	file, err := os.OpenFile(s.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o644)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	s.file, s.regular = file, info.Mode().IsRegular()
	if s.regular && len(s.owed) == 0 {
		s.owed, err = lineBreak(s.path, info.Size())
	}
	if err != nil {
		s.disconnect()
	}
	return err
}

// lineBreak is what ends the last line of a file, nothing if it is ended.
func lineBreak(path string, size int64) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, size-1); err != nil {
		return nil, err
	}
	if last[0] == '\n' {
		return nil, nil
	}
	return []byte("\n"), nil
}

func (s *sink) write(ctx context.Context, lines []byte) error {
	if err := s.file.SetWriteDeadline(time.Time{}); err == nil {
		// A pipe: the end of ctx interrupts a write that waits for the reader.
		file, interrupted := s.file, make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(interrupted)
			_ = file.SetWriteDeadline(time.Unix(1, 0))
		})
		defer func() {
			if !stop() {
				<-interrupted // or it would interrupt the next write
			}
		}()
	}
	n, err := s.system(s.file, lines)
	if n > 0 {
		s.owed = restOfLine(lines, n)
	}
	if err == nil && s.regular {
		err = s.file.Sync()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		// The reader is there and slow: it gets the rest of its line first the next time.
		return fmt.Errorf("the reader is too slow: %w", ctx.Err())
	}
	// The reader is gone, or the disk is full. The next Send opens it anew, and
	// must not glue its first line to the torn one.
	s.disconnect()
	if len(s.owed) > 0 {
		s.owed = []byte("\n")
	}
	return err
}

// restOfLine is what is missing of the line that a write ended in after n
// bytes. It is a copy: the batch is not kept.
func restOfLine(lines []byte, n int) []byte {
	if lines[n-1] == '\n' {
		return nil
	}
	rest, _, _ := bytes.Cut(lines[n:], []byte("\n"))
	return append(bytes.Clone(rest), '\n')
}

func (s *sink) disconnect() {
	_ = s.file.Close()
	s.file = nil
}

// Close lets the pipe go, so that its reader sees the end.
func (s *sink) Close(context.Context) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

func verdict(err error) error {
	switch {
	case errors.Is(err, syscall.ENXIO):
		return fmt.Errorf("nobody reads it yet: %w", err)
	case errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("its reader is gone: %w", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist),
		errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EROFS):
		return sinks.Stop(err)
	}
	return err
}
