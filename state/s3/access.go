package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/state"
)

// Access says which bucket and how it is reached.
type Access struct {
	// Bucket is where the objects are.
	Bucket string `yaml:"bucket"`
	// Region is by default that of the environment or the shared AWS configuration.
	Region string `yaml:"region"`
	// Endpoint is the URL of a service other than AWS, such as MinIO or R2.
	Endpoint string `yaml:"endpoint"`
	// PathStyle puts the bucket into the path instead of the host name.
	PathStyle bool `yaml:"pathStyle"`
	SSE       SSE  `yaml:"sse"`
	// AccessKeyID and SecretAccessKey are for services without roles. On AWS leave
	// them out: the SDK's default chain finds a role.
	AccessKeyID     secret.String `yaml:"accessKeyID"`
	SecretAccessKey secret.String `yaml:"secretAccessKey"`
}

// SSE is encryption by the service beyond the bucket's own default.
type SSE struct {
	Type types.ServerSideEncryption `yaml:"type"` // AES256, aws:kms or aws:kms:dsse
	// KMSKeyID is by default the account's key for S3.
	KMSKeyID string `yaml:"kmsKeyID"`
}

func (a Access) check() error {
	switch {
	case a.Bucket == "":
		return errors.New("bucket is missing")
	case a.AccessKeyID.IsZero() != a.SecretAccessKey.IsZero():
		return errors.New("accessKeyID and secretAccessKey belong together, one of them is missing")
	}
	if a.Endpoint != "" {
		endpoint, err := url.Parse(a.Endpoint)
		if err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.Host == "" {
			return errors.New("endpoint is not a URL such as https://minio.example.com:9000")
		}
		if endpoint.User != nil {
			return errors.New("endpoint holds a name or password: use accessKeyID and secretAccessKey")
		}
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
		// Asked for by itself, and then kept by the SDK: in a call's error it cannot be told from the service's.
		if _, err = client.Options().Credentials.Retrieve(ctx); err != nil {
			err = fmt.Errorf("get AWS credentials, from the configuration, the environment, the shared files "+
				"or the role of the pod, function or machine: %w", plain(ctx, err))
		}
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
	loaded, err := config.LoadDefaultConfig(ctx, c.options()...)
	if err != nil {
		return nil, fmt.Errorf("read AWS configuration: %w", plain(ctx, err))
	}
	switch {
	case loaded.Region != "":
	case c.access.Endpoint == "":
		return nil, fmt.Errorf("%w: region is missing: set region or AWS_REGION", state.ErrMisconfigured)
	default:
		loaded.Region = "us-east-1" // what services without regions take
	}
	c.client = awss3.NewFromConfig(loaded, func(o *awss3.Options) {
		o.UsePathStyle = c.access.PathStyle
		if c.access.Endpoint != "" {
			o.BaseEndpoint = &c.access.Endpoint
		}
		// The SDK's newer checksums are refused by some services other than AWS. What is
		// sent is protected all the same: the signature covers its SHA-256.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return c.client, nil
}

func (c *connection) options() []func(*config.LoadOptions) error {
	options := []func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	}
	if c.access.Region != "" {
		options = append(options, config.WithRegion(c.access.Region))
	}
	if !c.access.AccessKeyID.IsZero() {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(
			c.access.AccessKeyID.Reveal(), c.access.SecretAccessKey.Reveal(), "")))
	}
	return options
}
