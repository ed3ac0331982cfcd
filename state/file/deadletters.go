package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/packetboat/packetboat/state"
)

// DeadLetterConfig says where dead letters are.
type DeadLetterConfig struct {
	// Path of the directory. It must exist, for the same reason as the directory
	// of a checkpoint.
	Path string `yaml:"path"`
}

type deadLetters struct{ dir string }

var _ state.DeadLetters = (*deadLetters)(nil)

// Put implements state.DeadLetters.
func (l *deadLetters) Put(ctx context.Context, d state.DeadLetter) error {
	if err := l.put(ctx, d); err != nil {
		return fmt.Errorf("put dead letter into directory %s: %w", l.dir, err)
	}
	return nil
}

func (l *deadLetters) put(ctx context.Context, d state.DeadLetter) (err error) {
	raw, err := state.EncodeDeadLetter(d)
	if err != nil {
		return err
	}
	if err := checkDir(l.dir); err != nil {
		return err
	}
	unlock, err := waitLock(ctx, filepath.Join(l.dir, ".lock"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return replace(filepath.Join(l.dir, ".tmp"), l.path(d.Key()), raw)
}

func (l *deadLetters) path(key string) string {
	return filepath.Join(l.dir, state.DeadLetterName(key))
}

// Delete implements state.DeadLetters.
func (l *deadLetters) Delete(ctx context.Context, key string) error {
	if err := l.delete(ctx, key); err != nil {
		return fmt.Errorf("delete dead letter from directory %s: %w", l.dir, err)
	}
	return nil
}

func (l *deadLetters) delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkDir(l.dir); err != nil {
		return err
	}
	err := os.Remove(l.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(l.dir)
}

// All implements state.DeadLetters, in the order of the names.
func (l *deadLetters) All(ctx context.Context) iter.Seq2[state.DeadLetter, error] {
	return func(yield func(state.DeadLetter, error) bool) {
		for after := ""; ; {
			names, err := l.names(ctx, after)
			if err != nil {
				yield(state.DeadLetter{}, fmt.Errorf("list dead letters in directory %s: %w", l.dir, err))
				return
			}
			if len(names) == 0 {
				return
			}
			for _, name := range names {
				d, err := l.read(ctx, name)
				if errors.Is(err, fs.ErrNotExist) {
					continue // deleted since it was listed
				}
				if err != nil {
					err = fmt.Errorf("read dead letter %s in directory %s: %w", name, l.dir, err)
				}
				if !yield(d, err) || err != nil && !errors.Is(err, state.ErrBadDeadLetter) {
					return
				}
			}
			after = names[len(names)-1]
		}
	}
}

// page is how many names are kept in memory.
const page = 1000

// names are the first of the directory's names behind after, in order. It reads
// the whole directory for every page: a system's own place in a directory does
// not survive on every file system that files are deleted meanwhile.
func (l *deadLetters) names(ctx context.Context, after string) ([]string, error) {
	if err := checkDir(l.dir); err != nil {
		return nil, err
	}
	dir, err := os.Open(l.dir)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var names []string
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		entries, err := dir.ReadDir(page)
		for _, entry := range entries {
			if name := entry.Name(); name > after && state.IsDeadLetterName(name) && entry.Type().IsRegular() {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		names = names[:min(len(names), page)]
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (l *deadLetters) read(ctx context.Context, name string) (state.DeadLetter, error) {
	if err := ctx.Err(); err != nil {
		return state.DeadLetter{}, err
	}
	f, err := os.OpenFile(filepath.Join(l.dir, name), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return state.DeadLetter{}, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, state.MaxDeadLetter+1))
	if err != nil {
		return state.DeadLetter{}, err
	}
	return state.DecodeDeadLetter(name, raw)
}
