package s3

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/archive"
	"github.com/packetboat/packetboat/sinks/awsclient"
)

// Config is what stands below s3: in a receiver.
type Config struct {
	// Bucket is where the objects go.
	Bucket string `yaml:"bucket"`
	// PathStyle puts the bucket into the path instead of the host name.
	PathStyle bool `yaml:"pathStyle"`
	SSE       sse  `yaml:"sse"`
	// StorageClass is by default STANDARD.
	StorageClass types.StorageClass `yaml:"storageClass"`

	Archive archive.Config   `yaml:",inline"`
	AWS     awsclient.Config `yaml:",inline"`
	Payload sinks.Payload    `yaml:",inline"`
}

// sse is encryption by the service beyond the bucket's own default.
type sse struct {
	Type types.ServerSideEncryption `yaml:"type"` // AES256, aws:kms or aws:kms:dsse
	// KMSKeyID is by default the account's key for S3.
	KMSKeyID string `yaml:"kmsKeyID"`
}

func defaults() Config { return Config{Archive: archive.Defaults()} }

func (c Config) check() error {
	if c.Bucket == "" {
		return errors.New("bucket: is missing")
	}
	if known := types.StorageClass("").Values(); c.StorageClass != "" && !slices.Contains(known, c.StorageClass) {
		return fmt.Errorf("storageClass: %q is none of %v", c.StorageClass, known)
	}
	kms := c.SSE.Type == types.ServerSideEncryptionAwsKms || c.SSE.Type == types.ServerSideEncryptionAwsKmsDsse
	known := []types.ServerSideEncryption{
		"", types.ServerSideEncryptionAes256, types.ServerSideEncryptionAwsKms, types.ServerSideEncryptionAwsKmsDsse,
	}
	switch {
	case !slices.Contains(known, c.SSE.Type):
		return fmt.Errorf("sse.type: want AES256, aws:kms or aws:kms:dsse, got %q", c.SSE.Type)
	case c.SSE.KMSKeyID != "" && !kms:
		return errors.New("sse.kmsKeyID: needs sse.type aws:kms or aws:kms:dsse")
	}
	return nil
}
