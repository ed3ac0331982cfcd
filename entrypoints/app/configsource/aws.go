//go:build !slim || aws

package configsource

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

func s3Object(bucket, key string) reader {
	var aws fetch.AWS
	return func(ctx context.Context, known string) (content, error) {
		loaded, err := aws.Config(ctx, "")
		if err != nil {
			return content{}, err
		}
		client := s3.NewFromConfig(loaded, func(o *s3.Options) {
			o.UsePathStyle = o.BaseEndpoint != nil // a service of one's own has one name
		})
		in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
		if known != "" {
			in.IfNoneMatch = &known
		}
		out, err := client.GetObject(ctx, in)
		if awsconfig.Status(err) == http.StatusNotModified {
			return content{same: true, version: known}, nil
		}
		if err != nil {
			// Without s3:ListBucket S3 does not say that a key is not there.
			return content{}, aws.Explain(ctx, "s3:GetObject, or the object does not exist", err)
		}
		defer out.Body.Close()
		data, err := readAll(out.Body)
		if err != nil {
			return content{}, awsconfig.Plain(ctx, err)
		}
		now := content{data: data}
		if out.ETag != nil {
			now.version = *out.ETag
		}
		return now, nil
	}
}

func ssmParameter(name string) reader {
	var aws fetch.AWS
	return func(ctx context.Context, _ string) (content, error) {
		value, err := aws.Parameter(ctx, name)
		return content{data: []byte(value)}, err
	}
}
