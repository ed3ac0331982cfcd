package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/state"
)

// File reads events from an input instead of a cluster. Without a checkpoint
// they are handed out as they come, so that an endless stream is fine; with one
// they are read as windows are, by version.
type File struct {
	// Open starts the input again from its beginning.
	Open        func() (io.ReadCloser, error)
	ClusterName string
	// Sorted reads by version, so that a cursor has a meaning. Every event must
	// then have a resourceVersion.
	Sorted     bool
	Memory     int // as in Options
	PageEvents int
	PageBytes  int
	Now        func() time.Time
}

// NewFile makes a File with the defaults of a Source.
func NewFile(open func() (io.ReadCloser, error), clusterName string, sorted bool) *File {
	return &File{
		Open: open, ClusterName: clusterName, Sorted: sorted,
		Memory: 32 << 20, PageEvents: 1000, PageBytes: 1 << 20, Now: time.Now,
	}
}

// Position is unknown for a file: it has no present.
func (f *File) Position(context.Context) (Position, error) {
	return Position{Cursor: state.Cursor{ReadAt: f.Now().UTC()}, Retained: -1}, nil
}

// Since hands out the input's events that are newer than from.
func (f *File) Since(ctx context.Context, from state.Cursor) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		read := f.stream
		if f.Sorted {
			w := window{
				trim:   func(raw []byte) []byte { return raw },
				scan:   f.scan,
				decode: func(raw []byte) (*event.Event, error) { return DecodeJSON(raw, f.ClusterName) },
				memory: f.Memory, pageEvents: f.PageEvents, pageBytes: f.PageBytes,
			}
			read = w.read
		}
		err := read(ctx, from, func(p Page) bool { return yield(p, nil) })
		if err != nil && !errors.Is(err, errStopped) {
			yield(Page{}, err)
		}
	}
}

// stream hands out the input in its own order; its pages carry no cursor.
func (f *File) stream(ctx context.Context, _ state.Cursor, yield func(Page) bool) error {
	in, err := f.Open()
	if err != nil {
		return fmt.Errorf("open events: %w", err)
	}
	defer func() { _ = in.Close() }()
	page, size, count := Page{}, 0, 0
	for raw, err := range Raw(in) {
		if err != nil {
			return err
		}
		count++
		ev, err := DecodeJSON(raw, f.ClusterName)
		if err != nil {
			return fmt.Errorf("event %d of the input: %w", count, err)
		}
		page.Events = append(page.Events, ev)
		size += len(raw)
		if len(page.Events) < f.PageEvents && size < f.PageBytes {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !yield(page) {
			return errStopped
		}
		page, size = Page{}, 0
	}
	if !yield(page) {
		return errStopped
	}
	return nil
}

func (f *File) scan(ctx context.Context, _ string, offer func(version string, raw []byte) error) (snapshot, error) {
	in, err := f.Open()
	if err != nil {
		return snapshot{}, fmt.Errorf("open events: %w", err)
	}
	defer func() { _ = in.Close() }()
	snap := snapshot{version: "1", at: f.Now().UTC()}
	count := 0
	for raw, err := range Raw(in) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return snapshot{}, err
		}
		count++
		version, err := offerJSON(raw, offer)
		if err != nil {
			return snapshot{}, fmt.Errorf("event %d of the input: %w", count, err)
		}
		if newer, _ := after(version, snap.version); newer {
			snap.version = version
		}
	}
	return snap, nil
}

func offerJSON(raw json.RawMessage, offer func(version string, raw []byte) error) (string, error) {
	version, err := versionOfJSON(raw)
	if err != nil {
		return "", err
	}
	if version == "" || version == "0" {
		return "", errors.New("it has no metadata.resourceVersion: a checkpoint needs one; run without --checkpoint to send all events")
	}
	return version, offer(version, raw)
}
