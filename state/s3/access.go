package s3

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/state"
)

// Access says which bucket and how it is reached.
type Access struct {
	// Bucket is where the objects are.
	Bucket string `yaml:"bucket"`

	awsconfig.Config `yaml:",inline"`

	// PathStyle puts the bucket into the path instead of the host name.
	PathStyle bool `yaml:"pathStyle"`
	SSE       SSE  `yaml:"sse"`
}

// SSE is encryption by the service beyond the bucket's own default.
type SSE struct {
	Type types.ServerSideEncryption `yaml:"type"` // AES256, aws:kms or aws:kms:dsse
	// KMSKeyID is by default the account's key for S3.
	KMSKeyID string `yaml:"kmsKeyID"`
}

func (a Access) check() error {
	if a.Bucket == "" {
		return errors.New("bucket is missing")
	}
	if err := a.Check(); err != nil {
		return err
	}
	return a.SSE.check()
}

func (s SSE) check() error {
	kms := s.Type == types.ServerSideEncryptionAwsKms || s.Type == types.ServerSideEncryptionAwsKmsDsse
	known := []types.ServerSideEncryption{
		"", types.ServerSideEncryptionAes256, types.ServerSideEncryptionAwsKms, types.ServerSideEncryptionAwsKmsDsse,
	}
	switch {
	case !slices.Contains(known, s.Type):
		return fmt.Errorf("sse.type is %q, want one of AES256, aws:kms, aws:kms:dsse", s.Type)
	case s.KMSKeyID != "" && !kms:
		return errors.New("sse.kmsKeyID needs sse.type aws:kms or aws:kms:dsse")
	}
	return nil
}

// connection is a client that connects at the first use.
type connection struct {
	access  Access
	timeout time.Duration // of one call

	mu     sync.Mutex // guards client
	client *awss3.Client
}

// callTimeout bounds one attempt: a connection that is half open answers never.
const callTimeout = 30 * time.Second

func connect(access Access) *connection { return &connection{access: access, timeout: callTimeout} }

// begin gives the client and the context of one call. A failure to connect is
// not kept: the next call tries again.
func (c *connection) begin(ctx context.Context) (*awss3.Client, context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	client, err := c.open(ctx)
	if err == nil {
		_, err = c.access.Credentials(ctx, client.Options().Credentials)
	}
	if err != nil {
		cancel()
		return nil, nil, nil, err
	}
	return client, ctx, cancel, nil
}

func (c *connection) open(ctx context.Context) (*awss3.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		return c.client, nil
	}
	loaded, err := c.access.Load(ctx)
	if wrong := (*awsconfig.SetupError)(nil); errors.As(err, &wrong) {
		return nil, fmt.Errorf("%w: %w", state.ErrMisconfigured, err)
	}
	if err != nil {
		return nil, err
	}
	c.client = awss3.NewFromConfig(loaded, func(o *awss3.Options) {
		o.UsePathStyle = c.access.PathStyle
		// The SDK's newer checksums are refused by some services other than AWS. What is
		// sent is protected all the same: the signature covers its SHA-256.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return c.client, nil
}
