package gcs

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/packetboat/packetboat/state"
)

// DeadLetterConfig says where dead letters are.
type DeadLetterConfig struct {
	Access `yaml:",inline"`
	// Prefix is the folder in the bucket; default packetboat-dead-letters.
	Prefix string `yaml:"prefix"`
}

func (c DeadLetterConfig) check() error {
	if err := c.Access.check(); err != nil {
		return err
	}
	const longest = 800 // of the 1024 bytes of a name
	switch {
	case folder(c.Prefix) == "":
		return errors.New("prefix is missing")
	case len(c.Prefix) > longest:
		return fmt.Errorf("prefix has %d bytes, at most %d leave room for the names", len(c.Prefix), longest)
	}
	return nil
}

// folder is a prefix that ends with a slash, "" for the bucket itself.
func folder(prefix string) string {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return prefix
}

type deadLetters struct {
	*connection
	prefix string
}

var _ state.DeadLetters = (*deadLetters)(nil)

func (l *deadLetters) place() string { return "gcs " + l.access.Bucket + "/" + l.prefix }

func (l *deadLetters) object(key string) string { return l.prefix + state.DeadLetterName(key) }

// Put implements state.DeadLetters.
func (l *deadLetters) Put(ctx context.Context, d state.DeadLetter) error {
	raw, err := state.EncodeDeadLetter(d)
	if err == nil {
		_, err = l.put(ctx, l.object(d.Key()), raw, nil)
	}
	if err != nil {
		return fmt.Errorf("put dead letter into %s: %w", l.place(), err)
	}
	return nil
}

// Delete implements state.DeadLetters.
func (l *deadLetters) Delete(ctx context.Context, key string) error {
	if err := l.delete(ctx, l.object(key)); err != nil && !isAbsent(err) {
		return fmt.Errorf("delete dead letter from %s: %w", l.place(), err)
	}
	return nil
}

func (l *deadLetters) delete(ctx context.Context, name string) error {
	bucket, ctx, cancel, err := l.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if err := bucket.Object(name).Delete(ctx); err != nil {
		return l.explain(ctx, "storage.objects.delete", err)
	}
	return nil
}

// All implements state.DeadLetters, in the order of the names. It keeps one page
// of names.
func (l *deadLetters) All(ctx context.Context) iter.Seq2[state.DeadLetter, error] {
	return func(yield func(state.DeadLetter, error) bool) {
		for after := ""; ; {
			names, next, err := l.page(ctx, after)
			if err != nil {
				yield(state.DeadLetter{}, fmt.Errorf("list dead letters in %s: %w", l.place(), err))
				return
			}
			for _, name := range names {
				d, err := l.read(ctx, name)
				if isAbsent(err) {
					continue // deleted since it was listed
				}
				if err != nil {
					err = fmt.Errorf("read dead letter %s in %s: %w", name, l.place(), err)
				}
				if !yield(d, err) || err != nil && !errors.Is(err, state.ErrBadDeadLetter) {
					return
				}
			}
			if next == "" {
				return
			}
			after = next
		}
	}
}

// pageSize is how many names are in memory at a time; a request for each of them
// follows anyway.
const pageSize = 250

// page lists names behind the prefix; next is where the next page begins, "" at
// the end.
func (l *deadLetters) page(ctx context.Context, token string) (names []string, next string, err error) {
	bucket, ctx, cancel, err := l.begin(ctx)
	if err != nil {
		return nil, "", err
	}
	defer cancel()
	query := &storage.Query{Prefix: l.prefix, Delimiter: "/"}
	if err := query.SetAttrSelection([]string{"Name"}); err != nil {
		return nil, "", err
	}
	var objects []*storage.ObjectAttrs
	next, err = iterator.NewPager(bucket.Objects(ctx, query), pageSize, token).NextPage(&objects)
	if err != nil {
		return nil, "", l.explain(ctx, "storage.objects.list", err)
	}
	for _, object := range objects {
		if name := strings.TrimPrefix(object.Name, l.prefix); object.Name != "" && state.IsDeadLetterName(name) {
			names = append(names, name)
		}
	}
	return names, next, nil
}

func (l *deadLetters) read(ctx context.Context, name string) (state.DeadLetter, error) {
	raw, _, err := l.get(ctx, l.prefix+name, state.MaxDeadLetter)
	if err != nil {
		return state.DeadLetter{}, err
	}
	return state.DecodeDeadLetter(name, raw)
}
