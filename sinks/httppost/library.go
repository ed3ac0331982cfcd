package httppost

import (
	"context"
	"net/http"
	"time"

	"github.com/packetboat/packetboat/sinks"
)

// RoundTripper is a Client's way to the service for the client library of a
// service: the same certificates, read again when they change, the same proxy
// and the same bounds. It follows no redirect and repeats nothing. Answers are
// as they came, for libraries that read the service's own errors.
type RoundTripper struct{ transports *transports }

// NewRoundTripper reads the certificate files and connects to nothing. The
// Timeout is left to the caller.
func NewRoundTripper(config Config, env sinks.Env) (*RoundTripper, error) {
	ts, err := newTransports(config, env)
	if err != nil {
		return nil, err
	}
	return &RoundTripper{ts}, nil
}

// RoundTrip implements http.RoundTripper.
func (t *RoundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.GetBody != nil {
		// With it http.Transport could repeat a request behind our back.
		once := *r
		once.GetBody = nil
		r = &once
	}
	return t.transports.current().RoundTrip(r)
}

// Close gives up idle connections. It may be called again.
func (t *RoundTripper) Close() { t.transports.close() }

// Judge marks err by the status and the header of the answer that it stands
// for, as Client.Send would.
func Judge(err error, status int, header http.Header, now time.Time) error {
	switch judge(status) {
	case permanent:
		return sinks.Permanent(err)
	case stop:
		return sinks.Stop(err)
	}
	if d := retryAfter(header.Get("Retry-After"), now); d > 0 {
		return sinks.RetryAfter(err, d)
	}
	return err
}

// NetworkError judges an attempt without an answer, as Client.Send would.
func NetworkError(ctx context.Context, err error) error { return networkError(ctx, err) }

// Excerpt is the beginning of what a service says as one printable line,
// without whatever of the request may be secret.
func Excerpt(req *http.Request, text string) string { return excerpt(req, []byte(text)) }
