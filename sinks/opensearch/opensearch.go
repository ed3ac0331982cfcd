// Package opensearch sends events to OpenSearch through its bulk API, to indices
// or data streams, self-managed or on AWS, where it signs its requests.
//
// A document counts as accepted when the service reports so for that document.
// Send makes one attempt and does not retry. A document's _id is made of the
// event's, so that a repetition replaces itself. Credentials of AWS are looked
// for at the first Send. All methods may be called concurrently.
package opensearch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	signer "github.com/opensearch-project/opensearch-go/v4/signer/awsv2"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/awsclient"
	"github.com/packetboat/packetboat/sinks/bulk"
)

// Kind is the opensearch sink.
var Kind = sinks.NewKind("opensearch", sinks.Oldest, defaults, open)

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	c.Config = c.WithHostsOf("OPENSEARCH_URL")
	if err := c.check(); err != nil {
		return nil, err
	}
	sign := func(next http.RoundTripper) http.RoundTripper { return next }
	if c.AWSService != "" {
		credentials, err := awsclient.New(awsclient.Config{Config: awsconfig.Config{
			Region: c.Region, AssumeRole: c.AssumeRole, AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey,
		}}, env, func(c aws.Config) aws.Config { return c })
		if err != nil {
			return nil, err
		}
		sign = func(next http.RoundTripper) http.RoundTripper { return signing{next, credentials, c.AWSService} }
	}
	return bulk.Open(c.Config, env, func(transport http.RoundTripper, header http.Header) (bulk.Client, error) {
		return c.connect(sign(transport), header)
	})
}

// connect uses Elastic's transport, which knows nodes and no product. That of
// opensearch-go polls the nodes beside what it is asked to do, and sends what
// failed again to the first one: one attempt could not be promised.
func (c Config) connect(transport http.RoundTripper, header http.Header) (bulk.Client, error) {
	var hosts []*url.URL
	for _, host := range c.Hosts {
		u, err := url.Parse(host.Reveal())
		if err != nil {
			return nil, errors.New("hosts: not a URL")
		}
		hosts = append(hosts, u)
	}
	options := []elastictransport.Option{
		elastictransport.WithURLs(hosts...), elastictransport.WithTransport(transport),
		elastictransport.WithHeader(header), elastictransport.WithDisableRetry(),
	}
	if c.Username != "" {
		options = append(options, elastictransport.WithBasicAuth(c.Username, c.Password.Reveal()))
	}
	if c.Gzip {
		options = append(options, elastictransport.WithCompression())
	}
	return elastictransport.NewClient(options...)
}

// signing signs what the transport has completed: compressed, and with the
// address of a node.
type signing struct {
	next        http.RoundTripper
	credentials *awsclient.Client[aws.Config]
	service     string
}

func (s signing) RoundTrip(r *http.Request) (*http.Response, error) {
	var config aws.Config
	err := s.credentials.Do(r.Context(), func(_ context.Context, c aws.Config) error {
		config = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	by, err := signer.NewSignerWithService(config, s.service)
	if err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	if err := by.SignRequest(r); err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	return s.next.RoundTrip(r)
}
