// Package gcs keeps the checkpoint in one object of a Google Cloud Storage
// bucket, and dead letters in one object each below a prefix.
//
// A commit is one upload that the service compares itself, by the generation
// of what was loaded; every upload makes a new generation.
//
// Every call makes one attempt, of at most 30 seconds, and never retries; the
// client's own retries are off. Opening does no I/O: credentials are looked for
// at the first use. Stores and dead letters may be used concurrently.
package gcs

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/storage"

	"github.com/packetboat/packetboat/state"
)

const (
	// maxBytes bounds what is read into memory. The service itself would take 5 TiB.
	maxBytes = 2 << 20

	// Cloud Storage takes one write a second of one object.
	interval = 1100 * time.Millisecond
)

// Config says which object is the checkpoint.
type Config struct {
	Access `yaml:",inline"`
	// Object is its name in the bucket.
	Object string `yaml:"object"`
}

// Kind is the storage gcs; on the command line gcs:BUCKET/OBJECT.
var Kind = state.WithDeadLetters(checkpointKind,
	func() DeadLetterConfig { return DeadLetterConfig{Prefix: "packetboat-dead-letters"} },
	func(_ context.Context, config DeadLetterConfig, _ state.Env) (state.DeadLetters, error) {
		if err := config.check(); err != nil {
			return nil, fmt.Errorf("open dead letters in gcs: %w", err)
		}
		return &deadLetters{connection: connect(config.Access), prefix: folder(config.Prefix)}, nil
	})

var checkpointKind = state.NewKind("gcs",
	func() Config { return Config{} },
	fromRef,
	func(c Config, suffix string) Config {
		c.Object = state.BesideFile(c.Object, suffix)
		return c
	},
	func(_ context.Context, config Config, _ state.Env) (state.Store, error) {
		if err := config.check(); err != nil {
			return nil, fmt.Errorf("open gcs: %w", err)
		}
		return &store{connection: connect(config.Access), object: config.Object}, nil
	})

// fromRef takes gcs://BUCKET/OBJECT as well, because people write it so.
func fromRef(ref string) (Config, error) {
	bucket, object, _ := strings.Cut(strings.TrimPrefix(ref, "//"), "/")
	c := Config{Access: Access{Bucket: bucket}, Object: object}
	return c, c.check()
}

func (c Config) check() error {
	if err := c.Access.check(); err != nil {
		return err
	}
	switch {
	case c.Object == "":
		return errors.New("object is missing")
	case strings.HasPrefix(c.Object, "/") || strings.HasSuffix(c.Object, "/"):
		return fmt.Errorf("object %q begins or ends with a slash, want a name such as packetboat/checkpoint.json", c.Object)
	case len(c.Object) > 1024:
		return fmt.Errorf("object has %d bytes, Cloud Storage takes 1024", len(c.Object))
	}
	return nil
}

type store struct {
	*connection
	object string
}

var _ state.Store = (*store)(nil)

// String names the store as the command line does.
func (s *store) String() string { return "gcs:" + s.access.Bucket + "/" + s.object }

// Limits implements state.Store.
func (s *store) Limits() state.Limits { return state.Limits{Bytes: maxBytes, Interval: interval} }

// Load implements state.Store.
func (s *store) Load(ctx context.Context) (state.Checkpoint, state.Token, error) {
	c, token, err := s.load(ctx)
	if err != nil {
		return state.Checkpoint{}, token, fmt.Errorf("load checkpoint from gcs %s/%s: %w", s.access.Bucket, s.object, err)
	}
	return c, token, nil
}

func (s *store) load(ctx context.Context) (state.Checkpoint, state.Token, error) {
	raw, generation, err := s.get(ctx, s.object, maxBytes)
	if isAbsent(err) {
		return state.Checkpoint{}, "", state.ErrNotFound
	}
	if err != nil {
		return state.Checkpoint{}, "", err
	}
	token := state.Token(strconv.FormatInt(generation, 10))
	if len(raw) > maxBytes {
		return state.Checkpoint{}, token, fmt.Errorf("%w: it is larger than %d bytes", state.ErrUnreadable, maxBytes)
	}
	c, err := state.Decode(raw)
	return c, token, err
}

// Commit implements state.Store.
func (s *store) Commit(ctx context.Context, next state.Checkpoint, old state.Token) (state.Token, error) {
	token, err := s.commit(ctx, next, old)
	if err != nil {
		return "", fmt.Errorf("commit checkpoint to gcs %s/%s: %w", s.access.Bucket, s.object, err)
	}
	return token, nil
}

func (s *store) commit(ctx context.Context, next state.Checkpoint, old state.Token) (state.Token, error) {
	raw, err := state.Encode(next)
	if err != nil {
		return "", err
	}
	if len(raw) > maxBytes {
		return "", fmt.Errorf("the checkpoint has %d bytes, a gcs store takes %d", len(raw), maxBytes)
	}
	condition := storage.Conditions{DoesNotExist: true}
	if old != "" {
		generation, err := strconv.ParseInt(string(old), 10, 64)
		if err != nil {
			return "", fmt.Errorf("token %.80q is no generation", old)
		}
		condition = storage.Conditions{GenerationMatch: generation}
	}
	generation, err := s.put(ctx, s.object, raw, &condition)
	if isConflict(err) {
		return "", state.ErrConflict
	}
	if err != nil {
		return "", err
	}
	return state.Token(strconv.FormatInt(generation, 10)), nil
}

// get reads an object, cut after limit+1 bytes.
func (c *connection) get(ctx context.Context, name string, limit int64) (raw []byte, generation int64, err error) {
	bucket, ctx, cancel, err := c.begin(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer cancel()
	r, err := bucket.Object(name).NewReader(ctx)
	if err != nil {
		return nil, 0, c.explain(ctx, "storage.objects.get", err)
	}
	defer r.Close()
	raw, err = io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, 0, c.explain(ctx, "storage.objects.get", err)
	}
	if r.Attrs.Generation <= 0 {
		return nil, 0, errors.New("storage.objects.get: the answer has no generation")
	}
	return raw, r.Attrs.Generation, nil
}

// put stores an object in one request. It is durable when the service has
// answered.
func (c *connection) put(ctx context.Context, name string, raw []byte, condition *storage.Conditions) (generation int64, err error) {
	bucket, ctx, cancel, err := c.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	object := bucket.Object(name)
	if condition != nil {
		object = object.If(*condition)
	}
	w := object.NewWriter(ctx)
	w.ChunkSize = 0
	w.ContentType = "application/json"
	// A request that breaks off is ended by the client library as if its object
	// were whole (google.golang.org/api gensupport, newMultipartReader): by its
	// checksum the service tells a part of a checkpoint from a checkpoint.
	w.CRC32C, w.SendCRC32C = crc32.Checksum(raw, crc32.MakeTable(crc32.Castagnoli)), true
	if _, err = w.Write(raw); err != nil {
		err = c.explain(ctx, "storage.objects.create", err)
		cancel() // else Close would store what was written so far
		_ = w.Close()
		return 0, err
	}
	if err := w.Close(); err != nil {
		return 0, c.explain(ctx, "storage.objects.create", err)
	}
	// The client library compares only where the checksum was not sent.
	if stored := w.Attrs().CRC32C; stored != w.CRC32C {
		return 0, fmt.Errorf("storage.objects.create: checksum mismatch: sent %08x, stored %08x", w.CRC32C, stored)
	}
	return w.Attrs().Generation, nil
}
