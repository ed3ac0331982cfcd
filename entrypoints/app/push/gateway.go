package push

import (
	"context"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/push"
)

// gateway replaces what the Pushgateway has of this job and instance: receivers
// that are gone from the configuration are gone there too.
func (p *Pusher) gateway(ctx context.Context) error {
	c := p.Config.Pushgateway
	header := http.Header{}
	for name, value := range c.Headers {
		header.Set(name, value.Reveal())
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	gateway := push.New(strings.TrimSuffix(c.URL.Reveal(), "/"), c.Job).Gatherer(p.Metrics.Registry).Header(header).Client(client)
	if c.Instance != "" {
		gateway.Grouping("instance", c.Instance)
	}
	if c.Username != "" {
		gateway.BasicAuth(c.Username, c.Password.Reveal())
	}
	return gateway.PushContext(ctx)
}
