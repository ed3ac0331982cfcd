// Package awsclient is the one way in which sinks reach AWS: connections, with
// the region, credentials and roles of core/awsconfig, and the one place where an
// error code of AWS becomes a verdict.
//
// New reads certificate files and nothing else. The shared configuration is
// read, and credentials are looked for, at the first Do. A Do makes one attempt:
// the SDK's own retries are off, no redirect is followed, and the caller of the
// sink retries by the verdict of the error. Errors hold AWS's code and message,
// never the endpoint, a header, a credential or what was sent.
//
// All methods of a Client may be called concurrently.
package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// answerBytes bounds what is read of an answer: the longest there is, to 500
// records with an error message each, has a tenth of that.
const answerBytes = 4 << 20

// Client connects to one service with one receiver's settings, at the first Do.
// T is the SDK's client of the service.
type Client[T any] struct {
	config    Config
	build     func(aws.Config) T
	userAgent func(*aws.Config)
	now       func() time.Time
	transport *httppost.RoundTripper

	mu          sync.Mutex // guards what follows
	api         *T         // nil until it is needed
	credentials aws.CredentialsProvider
}

// New checks the Config. build makes the SDK's client, as with
//
//	func(c aws.Config) *kinesis.Client { return kinesis.NewFromConfig(c) }
func New[T any](c Config, env sinks.Env, build func(aws.Config) T) (*Client[T], error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.HTTP.Timeout < 0 {
		return nil, fmt.Errorf("timeout: %s is negative", c.HTTP.Timeout)
	}
	if c.HTTP.Timeout == 0 {
		c.HTTP.Timeout = httppost.DefaultTimeout
	}
	transport, err := httppost.NewRoundTripper(c.HTTP, env)
	if err != nil {
		return nil, err
	}
	now := env.Now
	if now == nil {
		now = time.Now
	}
	return &Client[T]{config: c, build: build, now: now, transport: transport, userAgent: userAgent(env.Version)}, nil
}

// Do makes one attempt. call gets the SDK's client and makes one call of it;
// the error comes back with the verdict on the batch.
func (c *Client[T]) Do(ctx context.Context, call func(ctx context.Context, api T) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.config.HTTP.Timeout, fmt.Errorf("no answer within %s", c.config.HTTP.Timeout))
	defer cancel()
	api, provider, err := c.open(ctx)
	if err != nil {
		return err
	}
	// Asked for by itself, and then kept by the SDK: in a call's error it cannot be told from the service's.
	if _, err := provider.Retrieve(ctx); err != nil {
		return c.credentialsError(ctx, err)
	}
	if err := call(ctx, api); err != nil {
		return c.verdict(ctx, err)
	}
	return nil
}

// Close gives up idle connections. It may be called again.
func (c *Client[T]) Close() { c.transport.Close() }

func (c *Client[T]) open(ctx context.Context) (T, aws.CredentialsProvider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var none T
	if c.api != nil {
		return *c.api, c.credentials, nil
	}
	loaded, err := c.load(ctx)
	if err != nil {
		return none, nil, err
	}
	api := c.build(loaded)
	c.api, c.credentials = &api, loaded.Credentials
	return api, loaded.Credentials, nil
}

// load reads the SDK's configuration. A failure is not kept: the next Do tries again.
func (c *Client[T]) load(ctx context.Context) (aws.Config, error) {
	loaded, err := c.config.Load(ctx)
	if err != nil {
		if wrong := (*awsconfig.SetupError)(nil); errors.As(err, &wrong) {
			err = sinks.Stop(err)
		}
		return aws.Config{}, err
	}
	loaded.HTTPClient = doer{c.transport}
	c.userAgent(&loaded)
	return loaded, nil
}

func userAgent(version string) func(*aws.Config) {
	return func(c *aws.Config) {
		if version == "" {
			c.APIOptions = append(c.APIOptions, awsmiddleware.AddUserAgentKey("packetboat"))
			return
		}
		c.APIOptions = append(c.APIOptions, awsmiddleware.AddUserAgentKeyValue("packetboat", version))
	}
}

// doer is a transport as the SDK wants it. An http.Client would follow
// redirects, with the credentials, and put the URL into errors.
type doer struct{ transport *httppost.RoundTripper }

func (d doer) Do(r *http.Request) (*http.Response, error) {
	resp, err := d.transport.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, answerBytes)
	}
	return resp, err
}

// Fits refuses a batch above what the service takes, before it is sent. A record
// alone may have all of RecordBytes: where that is more than Bytes, Bytes is what
// every account takes, and RecordBytes what one with the service's highest limits does.
func Fits(batch []sinks.Record, limits sinks.Limits) error {
	sum := 0
	for _, r := range batch {
		sum += len(r.Body)
		if limits.RecordBytes > 0 && len(r.Body) > limits.RecordBytes {
			return sinks.Permanent(fmt.Errorf("%d bytes for a record of at most %d", len(r.Body), limits.RecordBytes))
		}
	}
	switch {
	case limits.Records > 0 && len(batch) > limits.Records:
		return sinks.Permanent(fmt.Errorf("%d events for a request of at most %d", len(batch), limits.Records))
	case limits.Bytes > 0 && sum > limits.Bytes && len(batch) > 1:
		return sinks.Permanent(fmt.Errorf("%d bytes for a request of at most %d", sum, limits.Bytes))
	}
	return nil
}
