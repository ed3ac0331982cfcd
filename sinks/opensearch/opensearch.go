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
	"net/http"
	"net/url"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/bulk"
)

// Kind is the opensearch sink.
var Kind = sinks.NewKind("opensearch", sinks.Oldest, defaults, open)

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	c.Config = c.WithHostsOf("OPENSEARCH_URL")
	if err := c.check(); err != nil {
		return nil, err
	}
	sign, err := c.signing(env)
	if err != nil {
		return nil, err
	}
	return bulk.Open(c.Config, env, func(transport http.RoundTripper, header http.Header) (bulk.Client, error) {
		return c.connect(sign(transport), header)
	})
}

func unsigned(next http.RoundTripper) http.RoundTripper { return next }

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
