// Package elasticsearch sends events to Elasticsearch through its bulk API, to
// indices or data streams, self-managed, on Elastic Cloud or serverless.
//
// A document counts as accepted when the service reports so for that document.
// Send makes one attempt and does not retry: the library's own retries are off.
// A document's _id is made of the event's, so that a repetition replaces itself.
// All methods may be called concurrently.
package elasticsearch

import (
	"context"
	"errors"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/bulk"
)

// Kind is the elasticsearch sink.
var Kind = sinks.NewKind("elasticsearch", sinks.Oldest, defaults, open)

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if c.CloudID == "" {
		c.Config = c.WithHostsOf("ELASTICSEARCH_URL")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return bulk.Open(c.Config, env, c.connect)
}

func (c Config) connect(transport http.RoundTripper, header http.Header) (bulk.Client, error) {
	var hosts []string
	for _, host := range c.Hosts {
		hosts = append(hosts, host.Reveal())
	}
	client, err := elasticsearch.NewBaseClient(elasticsearch.Config{
		Addresses: hosts, CloudID: c.CloudID,
		Username: c.Username, Password: c.Password.Reveal(),
		APIKey: c.APIKey.Reveal(), ServiceToken: c.ServiceToken.Reveal(),
		Header: header, Transport: transport,
		CompressRequestBody: c.Gzip, DisableRetry: true,
	})
	if err != nil {
		// The library's text repeats what it could not read, credentials included.
		return nil, errors.New("cloudID or hosts: not what the Elasticsearch client takes")
	}
	// The client itself asks for a header that no server before 7.14 sends, and
	// throws the answer to the first request away without it.
	return client.Transport, nil
}
