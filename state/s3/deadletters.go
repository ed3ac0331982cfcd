package s3

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/packetboat/packetboat/core/awsconfig"
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
	const longest = 800 // of the 1024 bytes of a key; the rest is for the names
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

func (l *deadLetters) place() string { return "s3 " + l.access.Bucket + "/" + l.prefix }

func (l *deadLetters) key(key string) string { return l.prefix + state.DeadLetterName(key) }

// Put implements state.DeadLetters.
func (l *deadLetters) Put(ctx context.Context, d state.DeadLetter) error {
	raw, err := state.EncodeDeadLetter(d)
	if err == nil {
		_, err = l.put(ctx, l.input(l.key(d.Key()), raw))
	}
	if err != nil {
		return fmt.Errorf("put dead letter into %s: %w", l.place(), err)
	}
	return nil
}

// Delete implements state.DeadLetters.
func (l *deadLetters) Delete(ctx context.Context, key string) error {
	err := l.delete(ctx, l.key(key))
	if err != nil && !awsconfig.IsCode(err, "NoSuchKey") { // S3 itself does not mind, others do
		return fmt.Errorf("delete dead letter from %s: %w", l.place(), err)
	}
	return nil
}

func (l *deadLetters) delete(ctx context.Context, key string) error {
	client, ctx, cancel, err := l.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if _, err := client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &l.access.Bucket, Key: &key}); err != nil {
		return l.explain(ctx, "s3:DeleteObject", err)
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
				if awsconfig.IsCode(err, "NoSuchKey") {
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
	client, ctx, cancel, err := l.begin(ctx)
	if err != nil {
		return nil, "", err
	}
	defer cancel()
	input := &awss3.ListObjectsV2Input{Bucket: &l.access.Bucket, Prefix: &l.prefix, Delimiter: aws.String("/"), MaxKeys: aws.Int32(pageSize)}
	if token != "" {
		input.ContinuationToken = &token
	}
	output, err := client.ListObjectsV2(ctx, input)
	if err != nil {
		return nil, "", l.explain(ctx, "s3:ListBucket", err)
	}
	for _, object := range output.Contents {
		if name := strings.TrimPrefix(aws.ToString(object.Key), l.prefix); state.IsDeadLetterName(name) {
			names = append(names, name)
		}
	}
	if !aws.ToBool(output.IsTruncated) {
		return names, "", nil
	}
	next = aws.ToString(output.NextContinuationToken)
	if next == "" || next == token {
		return nil, "", errors.New("s3:ListBucket: the answer is cut off and does not say where it goes on")
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
