package alert

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Client sends the records of an Encoder to a service that speaks Opsgenie's
// Alert API, one alert in a request.
type Client struct {
	http   *httppost.Client
	alerts string
	header http.Header
}

// NewClient connects to nothing. The address is that above /v2/alerts.
func NewClient(address string, key secret.String, config httppost.Config, env sinks.Env) (*Client, error) {
	client, err := httppost.New(config, env)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json"}, "Authorization": {"GenieKey " + key.Reveal()}}
	return &Client{http: client, alerts: strings.TrimSuffix(address, "/") + "/v2/alerts", header: header}, nil
}

// Limits are one alert at a time: that keeps an alert's end behind its last
// repetition, and a throttle holds up all that would run into it.
func Limits() sinks.Limits { return sinks.Limits{Records: 1, Concurrency: 1} }

// One is the record of a batch, which a sink with these Limits is given.
func One(batch []sinks.Record) (sinks.Record, error) {
	if len(batch) != 1 {
		return sinks.Record{}, sinks.Permanent(fmt.Errorf("%d alerts for a request of one", len(batch)))
	}
	return batch[0], nil
}

// Send makes one attempt.
func (c *Client) Send(ctx context.Context, batch []sinks.Record) error {
	r, err := One(batch)
	if err != nil {
		return err
	}
	if r.Event != nil {
		return c.post(ctx, c.alerts, r.Body)
	}
	var end Ending
	if err := json.Unmarshal(r.Body, &end); err != nil {
		return sinks.Permanent(fmt.Errorf("read the end of an alert: %w", err))
	}
	raw, err := json.Marshal(end.Ended)
	if err != nil {
		return sinks.Permanent(err)
	}
	return c.post(ctx, c.alerts+"/"+url.PathEscape(end.Alias)+"/close?identifierType=alias", raw)
}

func (c *Client) post(ctx context.Context, address string, raw []byte) error {
	answer, err := c.http.Send(ctx, httppost.Request{URL: address, Header: c.header, Body: raw})
	return Throttled(answer, err)
}

// periodHeader is where Opsgenie says how long it counts requests before it
// begins anew: https://docs.opsgenie.com/docs/api-rate-limiting.
const periodHeader = "X-RateLimit-Period-In-Sec"

// Throttled adds the service's delay to the error of a 429 that came without a
// Retry-After.
func Throttled(answer *httppost.Answer, err error) error {
	if answer == nil || answer.Status != http.StatusTooManyRequests || sinks.RetryDelay(err) > 0 {
		return err
	}
	if seconds, parsed := strconv.Atoi(answer.Header.Get(periodHeader)); parsed == nil && seconds > 0 {
		return sinks.RetryAfter(err, time.Duration(seconds)*time.Second)
	}
	return err
}

// Close gives up idle connections. It may be called again.
func (c *Client) Close() { c.http.Close() }
