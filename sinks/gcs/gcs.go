// Package gcs archives events in a bucket of Google Cloud Storage.
//
// A batch is one object, which the service stores as a whole or not at all;
// accepted means that it has said so. A batch that comes again overwrites itself.
// Send makes one attempt and does not retry: the client's own retries are off.
// Nothing is connected and no credentials are looked for before the first Send.
// All methods may be called concurrently.
package gcs

import (
	"context"
	"fmt"
	"hash/crc32"

	"cloud.google.com/go/storage"
	"google.golang.org/api/option"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/archive"
	"github.com/packetboat/packetboat/sinks/gcpclient"
)

// Kind is the gcs sink.
var Kind = sinks.NewKind("gcs", sinks.Oldest, defaults, open)

type sink struct {
	config  Config
	archive *archive.Archive
	client  *gcpclient.Client[*storage.Client]
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	c.GCP = c.GCP.WithEmulator("STORAGE_EMULATOR_HOST")
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c}
	var err error
	if s.archive, err = archive.New(c.Archive, c.Payload, env.Compiler); err != nil {
		return nil, err
	}
	s.client = gcpclient.New(c.GCP, storage.ScopeReadWrite, env, func(ctx context.Context, options ...option.ClientOption) (*storage.Client, error) {
		client, err := storage.NewClient(ctx, append(options, c.GCP.HTTP("/storage/v1/")...)...)
		if err != nil {
			return nil, err
		}
		// An upload without a condition is not repeated by default: here it is said.
		client.SetRetry(storage.WithPolicy(storage.RetryNever))
		return client, nil
	})
	return s, nil
}

func (s *sink) Limits() sinks.Limits { return s.archive.Limits() }

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) { return s.archive.Encode(ev) }

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if len(batch) == 0 {
		return nil
	}
	object, err := s.archive.Object(batch)
	if err != nil {
		return fmt.Errorf("put object: %w", err)
	}
	client, err := s.client.Get(ctx)
	if err != nil {
		return fmt.Errorf("put object: %w", err)
	}
	if err := s.put(ctx, client, object); err != nil {
		return fmt.Errorf("put object into bucket %s: %w", s.config.Bucket, gcpclient.NotTheRecord(s.client.Explain(ctx, err)))
	}
	return nil
}

// put stores an object in one request.
func (s *sink) put(ctx context.Context, client *storage.Client, object archive.Object) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := client.Bucket(s.config.Bucket).Object(object.Name).NewWriter(ctx)
	w.ChunkSize = 0
	w.ContentType = archive.ContentType
	w.StorageClass = s.config.StorageClass
	// A request that breaks off is ended by the client library as if its object
	// were whole (google.golang.org/api gensupport, newMultipartReader): the service
	// refuses a part of an object because of its checksum.
	w.CRC32C, w.SendCRC32C = crc32.Checksum(object.Body, crc32.MakeTable(crc32.Castagnoli)), true
	if _, err := w.Write(object.Body); err != nil {
		cancel() // else Close would store what was written so far
		_ = w.Close()
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	// The client library compares only where the checksum was not sent.
	if stored := w.Attrs().CRC32C; stored != w.CRC32C {
		return fmt.Errorf("checksum mismatch: sent %08x, stored %08x", w.CRC32C, stored)
	}
	return nil
}

func (s *sink) Close(context.Context) error { return s.client.Close() }
