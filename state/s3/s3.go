// Package s3 keeps the checkpoint in one object of an S3 bucket, and dead
// letters in one object each below a prefix, on AWS or on a service that speaks
// its protocol.
//
// A commit is one PutObject that the service compares itself: If-None-Match: *
// for the first one, else If-Match with the ETag of what was loaded. The
// service must honour both: one that ignores them would let two runs overwrite
// each other.
//
// Every call makes one attempt, of at most 30 seconds, and never retries; the
// SDK's own retries are off. Opening does no I/O: credentials are looked for at
// the first use. Stores and dead letters may be used concurrently.
package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/state"
)

const (
	// maxBytes bounds what is read into memory. S3 itself would take 5 GiB.
	maxBytes = 2 << 20

	// S3 has no documented limit for one key; more would only cost more requests.
	interval = 500 * time.Millisecond
)

// Config says which object is the checkpoint.
type Config struct {
	Access `yaml:",inline"`
	// Key of the object in the bucket.
	Key string `yaml:"key"`
}

// Kind is the storage s3; on the command line s3:BUCKET/KEY.
var Kind = state.WithDeadLetters(checkpointKind,
	func() DeadLetterConfig { return DeadLetterConfig{Prefix: "packetboat-dead-letters"} },
	func(_ context.Context, config DeadLetterConfig, _ state.Env) (state.DeadLetters, error) {
		if err := config.check(); err != nil {
			return nil, fmt.Errorf("open dead letters in s3: %w", err)
		}
		return &deadLetters{connection: connect(config.Access), prefix: folder(config.Prefix)}, nil
	})

var checkpointKind = state.NewKind("s3",
	func() Config { return Config{} },
	fromRef,
	func(c Config, suffix string) Config {
		c.Key = state.BesideFile(c.Key, suffix)
		return c
	},
	func(_ context.Context, config Config, _ state.Env) (state.Store, error) {
		if err := config.check(); err != nil {
			return nil, fmt.Errorf("open s3: %w", err)
		}
		return &store{connection: connect(config.Access), key: config.Key}, nil
	})

// fromRef takes s3://BUCKET/KEY as well, because people paste it.
func fromRef(ref string) (Config, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(ref, "//"), "/")
	c := Config{Access: Access{Bucket: bucket}, Key: key}
	return c, c.check()
}

func (c Config) check() error {
	if err := c.Access.check(); err != nil {
		return err
	}
	switch {
	case c.Key == "":
		return errors.New("key is missing")
	case strings.HasPrefix(c.Key, "/") || strings.HasSuffix(c.Key, "/"):
		return fmt.Errorf("key %q begins or ends with a slash, want an object such as packetboat/checkpoint.json", c.Key)
	case len(c.Key) > 1024:
		return fmt.Errorf("key has %d bytes, S3 takes 1024", len(c.Key))
	}
	return nil
}

type store struct {
	*connection
	key string
}

var _ state.Store = (*store)(nil)

// String names the store as the command line does.
func (s *store) String() string { return "s3:" + s.access.Bucket + "/" + s.key }

// Limits implements state.Store.
func (s *store) Limits() state.Limits { return state.Limits{Bytes: maxBytes, Interval: interval} }

// Load implements state.Store.
func (s *store) Load(ctx context.Context) (state.Checkpoint, state.Token, error) {
	c, token, err := s.load(ctx)
	if err != nil {
		return state.Checkpoint{}, token, fmt.Errorf("load checkpoint from s3 %s/%s: %w", s.access.Bucket, s.key, err)
	}
	return c, token, nil
}

func (s *store) load(ctx context.Context) (state.Checkpoint, state.Token, error) {
	raw, etag, err := s.get(ctx, s.key, maxBytes)
	if awsconfig.IsCode(err, "NoSuchKey") {
		return state.Checkpoint{}, "", state.ErrNotFound
	}
	if err != nil {
		return state.Checkpoint{}, "", err
	}
	if len(raw) > maxBytes {
		return state.Checkpoint{}, state.Token(etag), fmt.Errorf("%w: it is larger than %d bytes", state.ErrUnreadable, maxBytes)
	}
	c, err := state.Decode(raw)
	return c, state.Token(etag), err
}

// Commit implements state.Store.
func (s *store) Commit(ctx context.Context, next state.Checkpoint, old state.Token) (state.Token, error) {
	token, err := s.commit(ctx, next, old)
	if err != nil {
		return "", fmt.Errorf("commit checkpoint to s3 %s/%s: %w", s.access.Bucket, s.key, err)
	}
	return token, nil
}

func (s *store) commit(ctx context.Context, next state.Checkpoint, old state.Token) (state.Token, error) {
	raw, err := state.Encode(next)
	if err != nil {
		return "", err
	}
	if len(raw) > maxBytes {
		return "", fmt.Errorf("the checkpoint has %d bytes, an s3 store takes %d", len(raw), maxBytes)
	}
	put := s.input(s.key, raw)
	if old == "" {
		put.IfNoneMatch = aws.String("*")
	} else {
		put.IfMatch = aws.String(string(old))
	}
	etag, err := s.put(ctx, put)
	if isConflict(err) {
		return "", state.ErrConflict
	}
	if err != nil {
		return "", err
	}
	if state.Token(etag) == old {
		// An ETag is a hash of the content, so equal bytes have an equal one.
		return "", fmt.Errorf("nothing has changed, not even the revision %d, which every commit raises", next.Revision)
	}
	return state.Token(etag), nil
}

// get reads an object, cut after limit+1 bytes.
func (c *connection) get(ctx context.Context, key string, limit int64) (raw []byte, etag string, err error) {
	client, ctx, cancel, err := c.begin(ctx)
	if err != nil {
		return nil, "", err
	}
	defer cancel()
	object, err := client.GetObject(ctx, &awss3.GetObjectInput{Bucket: &c.access.Bucket, Key: &key})
	if err != nil {
		return nil, "", c.explain(ctx, "s3:GetObject", err)
	}
	defer object.Body.Close()
	raw, err = io.ReadAll(io.LimitReader(object.Body, limit+1))
	if err != nil {
		return nil, "", c.explain(ctx, "s3:GetObject", err)
	}
	if aws.ToString(object.ETag) == "" {
		return nil, "", errors.New("s3:GetObject: the answer has no ETag")
	}
	return raw, *object.ETag, nil
}

// put stores an object. It is durable when S3 has answered.
func (c *connection) put(ctx context.Context, input *awss3.PutObjectInput) (etag string, err error) {
	client, ctx, cancel, err := c.begin(ctx)
	if err != nil {
		return "", err
	}
	defer cancel()
	output, err := client.PutObject(ctx, input)
	if err != nil {
		return "", c.explain(ctx, "s3:PutObject", err)
	}
	if aws.ToString(output.ETag) == "" {
		return "", errors.New("s3:PutObject: the answer has no ETag")
	}
	return *output.ETag, nil
}

func (c *connection) input(key string, raw []byte) *awss3.PutObjectInput {
	input := &awss3.PutObjectInput{
		Bucket: &c.access.Bucket, Key: &key, Body: bytes.NewReader(raw),
		ContentType:          aws.String("application/json"),
		ServerSideEncryption: c.access.SSE.Type,
	}
	if c.access.SSE.KMSKeyID != "" {
		input.SSEKMSKeyId = &c.access.SSE.KMSKeyID
	}
	return input
}
