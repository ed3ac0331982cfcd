// Package httppost is the one HTTP client of all sinks that speak HTTP, and the
// one place where an HTTP status becomes a verdict.
//
// It promises one attempt per Send: no redirect is followed, nothing is
// repeated, and no answer is read without a bound. It does not retry; the
// caller of the sink does, by the verdict of the error (sinks.IsPermanent and
// the like). Every Client has a transport of its own, so that no setting of one
// receiver reaches another. Errors hold the status and a short printable
// excerpt of the answer, never the URL, a header or the body that was sent.
//
// All methods of a Client may be called concurrently.
package httppost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
)

// drainBytes is how much of an answer is read for the excerpt and so that the
// connection can be used again. A longer answer costs the connection.
const drainBytes = 64 << 10

// Client sends requests with one receiver's settings.
type Client struct {
	timeout    time.Duration
	userAgent  string
	now        func() time.Time
	transports *transports
}

// Request is one attempt.
type Request struct {
	Method string // "" is POST
	URL    string // http or https; a user name and password in it are basic authentication too
	// Username and Password are basic authentication.
	Username string
	Password secret.String
	// Header replaces what the Client would send of itself. Host sets the host.
	Header http.Header
	// Body is not read after Send returned.
	Body []byte
	// Secrets are what of the Body must not come back in an error.
	Secrets []secret.String
	Gzip    bool // compress the body
	// AnswerBytes is how much of an accepting answer the sink has to read to
	// know what was accepted. An answer that is longer or breaks off is then a
	// transient error. 0: the status says it all.
	AnswerBytes int
}

// Answer is what the service said.
type Answer struct {
	Status int
	Header http.Header
	// Body is at most 64 KiB, or Request.AnswerBytes if that is more.
	Body []byte
}

// New builds a Client. It reads the certificate files and connects to nothing.
// It fails if a file cannot be read or used, or if the proxy is not a URL.
func New(config Config, env sinks.Env) (*Client, error) {
	if config.Timeout < 0 {
		return nil, fmt.Errorf("timeout: %s is negative", config.Timeout)
	}
	ts, err := newTransports(config, env)
	if err != nil {
		return nil, err
	}
	c := &Client{
		timeout:    config.Timeout,
		userAgent:  "packetboat",
		now:        env.Now,
		transports: ts,
	}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if env.Version != "" {
		c.userAgent += "/" + env.Version
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// Send makes one attempt. The error is nil for a 2xx answer; otherwise it
// carries the verdict on the batch. The Answer is there whenever the service
// answered, also beside an error, for services that explain a refusal there.
func (c *Client) Send(ctx context.Context, r Request) (*Answer, error) {
	req, err := c.request(r)
	if err != nil {
		return nil, sinks.Permanent(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	defer cancel()

	// An http.Client would follow redirects (a POST becomes a GET without its
	// body, or carries the credentials to another host) and put the URL into errors.
	resp, err := c.transports.current().RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, networkError(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()

	answer := &Answer{Status: resp.StatusCode, Header: resp.Header}
	answer.Body, err = readAnswer(resp.Body, max(r.AnswerBytes, drainBytes))
	if judge(resp.StatusCode) != accepted {
		return answer, c.statusError(req, answer, r.Secrets)
	}
	if err != nil && r.AnswerBytes > 0 {
		return answer, networkError(ctx, err)
	}
	return answer, nil
}

// Close gives up idle connections. It may be called again.
func (c *Client) Close() { c.transports.close() }

var errLongAnswer = errors.New("the answer is too long")

func readAnswer(r io.Reader, limit int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if len(body) > limit {
		return body[:limit], errLongAnswer
	}
	if err != nil {
		return body, fmt.Errorf("read the answer: %w", err)
	}
	return body, nil
}
