package source

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/packetboat/packetboat/core/metrics"
)

// Meter counts what goes over one client's transport and remembers the server's
// clock. It may be used concurrently.
type Meter struct {
	requests, bytes, serverTime atomic.Int64

	count atomic.Pointer[metrics.Source] // of the Source that uses it, nil before
}

// Requests is how many requests were sent.
func (m *Meter) Requests() int64 { return m.requests.Load() }

// Bytes is how many bytes of answers were read, after decompression.
func (m *Meter) Bytes() int64 { return m.bytes.Load() }

// ServerTime is the Date of the last answer, the zero time before the first.
func (m *Meter) ServerTime() time.Time {
	seconds := m.serverTime.Load()
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// Wrap is a transport that counts into m.
func (m *Meter) Wrap(next http.RoundTripper) http.RoundTripper { return &meteredTransport{m, next} }

type meteredTransport struct {
	meter *Meter
	next  http.RoundTripper
}

func (t *meteredTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.meter.requests.Add(1)
	if count := t.meter.count.Load(); count != nil {
		count.Requests.Inc()
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		t.meter.serverTime.Store(date.Unix())
	}
	resp.Body = &meteredBody{resp.Body, t.meter}
	return resp, nil
}

// WrappedRoundTripper lets k8s.io/apimachinery find the transport whose idle
// connections are to be closed.
func (t *meteredTransport) WrappedRoundTripper() http.RoundTripper { return t.next }

type meteredBody struct {
	io.ReadCloser
	meter *Meter
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.meter.bytes.Add(int64(n))
	if count := b.meter.count.Load(); count != nil {
		count.Bytes.Add(float64(n))
	}
	return n, err
}
