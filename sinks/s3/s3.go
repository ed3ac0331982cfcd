// Package s3 archives events in a bucket of Amazon S3 or of a service that
// speaks its protocol.
//
// A batch is one object, which the service stores as a whole or not at all;
// accepted means that it has said so. A batch that comes again overwrites itself.
// Send makes one attempt and does not retry. Nothing is connected and no
// credentials are looked for before the first Send. All methods may be called
// concurrently.
package s3

import (
	"bytes"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/archive"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Kind is the s3 sink.
var Kind = sinks.NewKind("s3", sinks.Oldest, defaults, open)

type sink struct {
	config  Config
	archive *archive.Archive
	client  *awsclient.Client[*awss3.Client]
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c}
	var err error
	if s.archive, err = archive.New(c.Archive, c.Payload, env.Compiler); err != nil {
		return nil, err
	}
	s.client, err = awsclient.New(c.AWS, env, func(loaded aws.Config) *awss3.Client {
		return awss3.NewFromConfig(loaded, func(o *awss3.Options) {
			o.UsePathStyle = c.PathStyle
			// The SDK's newer checksums are refused by some services other than AWS. What is
			// sent is protected all the same: the signature covers its SHA-256.
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		})
	})
	if err != nil {
		return nil, err
	}
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
	err = s.client.Do(ctx, func(ctx context.Context, api *awss3.Client) error {
		_, err := api.PutObject(ctx, s.put(object))
		return err
	})
	if err != nil {
		return fmt.Errorf("put object into bucket %s: %w", s.config.Bucket, notTheLine(err))
	}
	return nil
}

// notTheLine: a bucket takes any bytes, so what it calls bad are the settings.
func notTheLine(err error) error {
	if sinks.IsPermanent(err) {
		return sinks.Stop(err)
	}
	return err
}

func (s *sink) put(object archive.Object) *awss3.PutObjectInput {
	input := &awss3.PutObjectInput{
		Bucket: &s.config.Bucket, Key: &object.Name,
		Body: bytes.NewReader(object.Body), ContentType: aws.String(archive.ContentType),
		StorageClass: s.config.StorageClass, ServerSideEncryption: s.config.SSE.Type,
	}
	if s.config.SSE.KMSKeyID != "" {
		input.SSEKMSKeyId = &s.config.SSE.KMSKeyID
	}
	return input
}

func (s *sink) Close(context.Context) error {
	s.client.Close()
	return nil
}
