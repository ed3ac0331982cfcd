// Package gcpclient is the one Google Cloud client of all sinks: with the
// credentials of core/gcpconfig, how an endpoint is overridden, and what an error
// of a Google client means.
//
// It promises that nothing happens before the first use: no credentials are
// looked for, no file is read and nothing is connected. A failure is not kept,
// the next use tries again. It does not retry, and the errors that it explains
// hold the service's answer, never a URL, a token or a body.
//
// All methods of a Client may be called concurrently.
package gcpclient

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/api/option"

	"github.com/packetboat/packetboat/core/gcpconfig"
	"github.com/packetboat/packetboat/sinks"
)

// Client is a client of a Google service that is made at the first use.
type Client[C io.Closer] struct {
	dial      func(ctx context.Context, options ...option.ClientOption) (C, error)
	userAgent string
	identity  *gcpconfig.Identity // nil: no credentials

	mu     sync.Mutex
	made   bool
	client C
}

// New notes how to make a client. scope is what the credentials are asked for.
// dial adds the options of Config.HTTP or Config.GRPC to those that it is given.
func New[C io.Closer](config Config, scope string, env sinks.Env,
	dial func(ctx context.Context, options ...option.ClientOption) (C, error),
) *Client[C] {
	c := &Client[C]{dial: dial, userAgent: "packetboat"}
	if env.Version != "" {
		c.userAgent += "/" + env.Version
	}
	if !config.anonymous() {
		c.identity = gcpconfig.New(config.CredentialsPath, scope, env.Log)
	}
	return c
}

// Get gives the client, with a token at hand. Its error has a verdict.
func (c *Client[C]) Get(ctx context.Context) (C, error) {
	var none C
	if err := ctx.Err(); err != nil {
		return none, context.Cause(ctx)
	}
	// Asked for by itself, and then kept: in the error of a call it could not be told from the service's.
	if c.identity != nil {
		if err := c.identity.Ready(ctx); err != nil {
			if wrong := (*gcpconfig.SetupError)(nil); errors.As(err, &wrong) {
				err = sinks.Stop(err)
			}
			return none, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made {
		return c.client, nil
	}
	options := []option.ClientOption{option.WithUserAgent(c.userAgent)}
	if c.identity != nil {
		options = append(options, option.WithAuthCredentials(c.identity.Credentials()))
	} else {
		options = append(options, option.WithoutAuthentication())
	}
	// The client lives longer than this call.
	client, err := c.dial(context.WithoutCancel(ctx), options...)
	if err != nil {
		return none, c.Explain(ctx, err)
	}
	c.client, c.made = client, true
	return client, nil
}

// Close closes the client, if one was made. It may be called again.
func (c *Client[C]) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.made {
		return nil
	}
	c.made = false
	return c.client.Close()
}
