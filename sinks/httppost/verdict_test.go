package httppost

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks"
)

// Every status that is not in here has the verdict of its class.
var exceptions = map[int]verdict{
	400: permanent, 413: permanent, 414: permanent, 422: permanent, 431: permanent,

	401: stop, 402: stop, 403: stop, 404: stop, 405: stop, 406: stop, 407: stop, 410: stop, 411: stop,
	412: stop, 415: stop, 417: stop, 426: stop, 428: stop, 451: stop,
}

var classes = map[int]verdict{1: stop, 2: accepted, 3: stop, 4: transient, 5: transient}

func TestEveryStatusHasAVerdict(t *testing.T) {
	for status := 100; status < 600; status++ {
		want, exception := exceptions[status]
		if !exception {
			want = classes[status/100]
		}
		assert.Equal(t, want, judge(status), "status %d %s", status, http.StatusText(status))
	}
	assert.Equal(t, transient, judge(999), "nobody has heard of it")
}

func TestEveryStatusOverTheWire_DS2(t *testing.T) {
	status := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "9")
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	c := newClient(t, Config{})
	for status = 200; status < 600; status++ {
		answer, err := c.Send(t.Context(), Request{URL: server.URL, Body: []byte("{}")})
		require.NotNil(t, answer)
		require.Equal(t, status, answer.Status)
		switch judge(status) {
		case accepted:
			require.NoError(t, err)
		case transient:
			require.Error(t, err)
			require.False(t, sinks.IsStop(err) || sinks.IsPermanent(err), status)
			require.Equal(t, 9*time.Second, sinks.RetryDelay(err), status)
		case permanent:
			require.True(t, sinks.IsPermanent(err), status)
		case stop:
			require.True(t, sinks.IsStop(err), status)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"120":                           2 * time.Minute,
		" 5 ":                           5 * time.Second,
		"-5":                            0,
		"1.5":                           0,
		"99999999999999999999":          0,
		"soon":                          0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0,
	} {
		assert.Equal(t, want, retryAfter(value, now), value)
	}
}

func newClient(t *testing.T, config Config) *Client {
	t.Helper()
	c, err := New(config, sinks.Env{Now: time.Now, Version: "0.0.0-test"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}
