// Package push sends what was counted to where the configuration says: a
// Pushgateway, an OTLP collector, CloudWatch by way of the standard output.
//
// A push is one attempt with each of them, side by side; only the OTLP client
// tries again, within the caller's time. What fails is told in one error, which
// names no address and no secret, and is for the caller to log: metrics never
// decide about a run. Push may be called concurrently.
package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"sync"
	"time"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/metrics"
)

// Options configure a Pusher.
type Options struct {
	Config  config.Metrics
	Metrics *metrics.Metrics
	Cluster string    // the configuration's clusterName, may be ""
	Version string    // of this program
	Output  io.Writer // for CloudWatch: the standard output
}

// Pusher pushes one process's metrics.
type Pusher struct {
	Options
	cloudWatch *metrics.CloudWatch
}

// New makes a Pusher. It connects to nothing.
func New(o Options) *Pusher {
	p := &Pusher{Options: o}
	if c := o.Config.CloudWatch; c != nil {
		p.cloudWatch = &metrics.CloudWatch{Metrics: o.Metrics, Namespace: c.Namespace, Cluster: o.Cluster}
	}
	return p
}

// Push pushes to all that are configured. It ends with ctx.
func (p *Pusher) Push(ctx context.Context) error {
	var gateway, otlp, cloudWatch error
	var pushing sync.WaitGroup
	if p.Config.Pushgateway != nil {
		pushing.Go(func() { gateway = explain(ctx, "push metrics to the Pushgateway", p.gateway(ctx)) })
	}
	if p.Config.OTLP != nil {
		pushing.Go(func() { otlp = explain(ctx, "push metrics by OTLP", p.otlp(ctx)) })
	}
	if p.cloudWatch != nil {
		cloudWatch = p.cloudWatch.Write(p.Output, time.Now())
	}
	pushing.Wait()
	return errors.Join(gateway, otlp, cloudWatch)
}

// explain keeps of a client's error what may be told. Both clients put the
// address and the server's answer into a text, of which only the status is good.
func explain(ctx context.Context, operation string, err error) error {
	var inner *url.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: no answer: %w", operation, context.Cause(ctx))
	case errors.As(err, &inner):
		return fmt.Errorf("%s: no answer: %w", operation, inner.Err)
	case errors.Is(err, errSetUp):
		return fmt.Errorf("%s: %w", operation, err)
	}
	if status := statusCode.FindStringSubmatch(err.Error()); status != nil {
		return fmt.Errorf("%s: answered %s", operation, status[1])
	}
	return fmt.Errorf("%s: the metrics were not taken", operation)
}

var (
	statusCode = regexp.MustCompile(`(?:unexpected status code |: )([1-5][0-9][0-9])\b`)
	errSetUp   = errors.New("set-up")
)
