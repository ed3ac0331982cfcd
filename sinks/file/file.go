// Package file appends events to a file as JSON lines, and puts the file aside
// when it is full.
//
// Accepted means on the disk: the lines are forced there, and so is the name of
// a new file, before Send returns. A reader never sees a torn line of an earlier
// run: the unfinished end that a kill or a full disk left is cut off before the
// next write, since it was never accepted and is sent again whole. Send makes
// one attempt and does not retry. All methods may be called concurrently. One
// process writes to one path.
package file

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// Kind is the file sink.
var Kind = kind(disk{write: (*os.File).Write, sync: (*os.File).Sync})

// disk is the part of the operating system that fails in tests.
type disk struct {
	write func(f *os.File, b []byte) (int, error)
	sync  func(f *os.File) error
}

// maxBatch bounds a batch and with it a line: so much is held in memory, and so
// far back the last line break is looked for.
const maxBatch = 4 * mebibyte

func kind(d disk) sinks.Kind {
	return sinks.NewKind("file", sinks.Oldest, defaults,
		func(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
			if err := c.check(); err != nil {
				return nil, err
			}
			payload, err := env.Compiler.Payload(c.Payload)
			if err != nil {
				return nil, err
			}
			return &sink{config: c, disk: d, payload: payload, log: env.Log, aside: newAside(c)}, nil
		})
}

type sink struct {
	config  Config
	disk    disk
	payload func(*event.Event) ([]byte, error)
	log     *slog.Logger

	mu      sync.Mutex // guards what follows
	file    *os.File   // nil until the first Send and after a failure
	plain   bool       // an ordinary file of this name, not a device and not a link to something
	size    int64
	aside   *lumberjack.Logger
	pruned  bool
	rotated time.Time
}

func (s *sink) Limits() sinks.Limits {
	limit := int(min(maxBatch, s.config.maxBytes()))
	return sinks.Limits{Bytes: limit, RecordBytes: limit, Concurrency: 1}
}

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	body, err := s.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Event: ev, Body: append(body, '\n')}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("append to the file: %w", err)
	}
	var lines bytes.Buffer
	for _, r := range batch {
		lines.Write(r.Body)
	}
	if limit := s.Limits().Bytes; lines.Len() > limit {
		return sinks.Permanent(fmt.Errorf("append to the file: %d bytes are more than %d", lines.Len(), limit))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.append(lines.Bytes()); err != nil {
		// Nothing is known of the end of the file now. The next Send opens it
		// anew and repairs it.
		s.release()
		return verdict(err)
	}
	return nil
}

func (s *sink) append(lines []byte) error {
	if err := s.ready(int64(len(lines))); err != nil {
		return err
	}
	n, err := s.disk.write(s.file, lines)
	s.size += int64(n)
	if err != nil {
		return fmt.Errorf("append to the file: %w", err)
	}
	// If we crash before this line, the batch is sent again: nobody was told that it is safe.
	if err := s.disk.sync(s.file); err != nil && s.plain {
		return fmt.Errorf("force the file to the disk: %w", err)
	}
	return nil
}

// ready makes s.file one that takes n more bytes.
func (s *sink) ready(n int64) error {
	if s.file != nil && s.plain && !s.isStillThere() {
		s.release()
	}
	if s.file == nil {
		if err := s.open(); err != nil {
			return err
		}
	}
	if s.plain && s.size > 0 && s.size+n > s.config.maxBytes() {
		return s.rotate()
	}
	return nil
}

// isStillThere is false if somebody removed or moved the file: what is written
// to it then has no name.
func (s *sink) isStillThere() bool {
	ours, err := s.file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(s.config.Path)
	return err == nil && os.SameFile(ours, named)
}

func (s *sink) release() {
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
}

// Close closes the file. All that was accepted is on the disk already.
func (s *sink) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release()
	return nil
}
