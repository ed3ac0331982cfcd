package httppost

import (
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
)

// http.Transport repeats a request on a connection that turns out to be dead,
// all the more when it has an Idempotency-Key. The caller counts attempts, so
// it may not.
func TestALostReplyOnAWarmConnectionIsOneAttempt(t *testing.T) {
	var attempts atomic.Int32
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if attempts.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
	})
	c := newClient(t, Config{})
	r := Request{URL: url, Body: []byte("{}"), Header: http.Header{"Idempotency-Key": {"id"}}}
	_, err := c.Send(t.Context(), r)
	require.NoError(t, err)
	_, err = c.Send(t.Context(), r)
	require.ErrorContains(t, err, "no answer")
	require.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))
	assert.EqualValues(t, 2, attempts.Load())
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var reached atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, status) })
		_, err := newClient(t, Config{}).Send(t.Context(), Request{URL: url, Body: []byte("{}")})
		require.ErrorContains(t, err, "redirects are not followed")
		require.True(t, sinks.IsStop(err))
	}
	assert.Zero(t, reached.Load(), "neither the body nor a header may reach another host")
}

func TestAnswersAreReadWithABound_DS2(t *testing.T) {
	var connections atomic.Int32
	long := strings.Repeat("x", drainBytes+1)
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, map[string]string{"/short": "ok", "/long": long}[r.URL.Path])
	})
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c := newClient(t, Config{})
	for range 5 {
		answer, err := c.Send(t.Context(), Request{URL: server.URL + "/short"})
		require.NoError(t, err)
		require.Equal(t, "ok", string(answer.Body))
	}
	assert.EqualValues(t, 1, connections.Load(), "a drained connection is used again")

	answer, err := c.Send(t.Context(), Request{URL: server.URL + "/long"})
	require.NoError(t, err, "the status says it all")
	assert.Len(t, answer.Body, drainBytes)
	_, err = c.Send(t.Context(), Request{URL: server.URL + "/long", AnswerBytes: drainBytes})
	require.ErrorIs(t, err, errLongAnswer, "whoever must read all of it is told")
	answer, err = c.Send(t.Context(), Request{URL: server.URL + "/long", AnswerBytes: 2 * drainBytes})
	require.NoError(t, err)
	assert.Len(t, answer.Body, len(long))
}

func TestTheBodyIsNotKept(t *testing.T) {
	for _, compress := range []bool{false, true} {
		body := []byte("body")
		req, err := newClient(t, Config{}).request(Request{URL: "http://localhost", Body: body, Gzip: compress})
		require.NoError(t, err)
		copy(body, "####")
		in := io.Reader(req.Body)
		if compress {
			in, err = gzip.NewReader(in)
			require.NoError(t, err)
		}
		got, err := io.ReadAll(in)
		require.NoError(t, err)
		assert.Equal(t, "body", string(got))
	}
}

func TestTimeoutIsTransientAndSaysItself(t *testing.T) {
	release := make(chan struct{})
	url := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	_, err := newClient(t, Config{Timeout: 20 * time.Millisecond}).Send(t.Context(), Request{URL: url})
	require.EqualError(t, err, "no answer: no answer within 20ms")
	assert.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))
}

func TestNetworkErrorsAreTransientAndNameNoURL(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	for name, url := range map[string]string{
		"nobody listens": "http://" + address + "/s3cr3t-path",
		"no such host":   "http://no-such-host.invalid/s3cr3t-path",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, Config{}).Send(t.Context(), Request{URL: url})
			require.ErrorContains(t, err, "no answer")
			assert.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))
			assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), "s3cr3t")
		})
	}
}

func TestHTTPBehindAnHTTPSAddressStops(t *testing.T) {
	url := serve(t, answering(200, ""))
	_, err := newClient(t, Config{}).Send(t.Context(), Request{URL: strings.Replace(url, "http", "https", 1)})
	require.ErrorContains(t, err, "the server speaks http, the address says https")
	assert.True(t, sinks.IsStop(err))
}

func TestErrorsShowThePrintableBeginningOfTheAnswer(t *testing.T) {
	for answer, want := range map[string]string{
		"":                             "answered 400 Bad Request",
		"bad \x1b[31mfield\r\n\u202eX": "answered 400 Bad Request: bad [31mfield X",
		strings.Repeat("ü", 300):       "answered 400 Bad Request: " + strings.Repeat("ü", 200) + "...",
		"\xff\xfe":                     "answered 400 Bad Request",
	} {
		_, err := newClient(t, Config{}).Send(t.Context(), Request{URL: serve(t, answering(400, answer))})
		require.EqualError(t, err, want)
	}
}

func TestAnEchoedSecretIsBlottedOut(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, "%s|%s|%s|%s|%s", r.RequestURI, r.URL.Query().Get("k"), r.Header.Get("X-Token"), user, password)
	})
	_, err := newClient(t, Config{}).Send(t.Context(), Request{
		URL:      url + "/services/T0000/B0000secret?k=que%20ry-secret",
		Header:   http.Header{"X-Token": {"header-secret"}},
		Username: "boat", Password: secret.New("pass-secret"),
	})
	require.Error(t, err)
	assert.Equal(t, "answered 403 Forbidden: <secret>|<secret>|<secret>|boat|<secret>", err.Error())
}

func TestParseURLDoesNotRepeatWhatItRefuses(t *testing.T) {
	for _, url := range []string{
		"http://h:t0ken/", "http://[t0ken/", "t0ken://h/", "http://h/\x00t0ken", "http://h/%t0ken", "t0ken", "http:///t0ken",
	} {
		_, err := ParseURL(url)
		require.Error(t, err, url)
		assert.NotContains(t, err.Error(), "t0ken", url)
	}
}

func TestCredentialsInTheURLAreBasicAuthentication(t *testing.T) {
	got := make(chan string, 1)
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got <- user + ":" + password
	})
	_, err := newClient(t, Config{}).Send(t.Context(), Request{URL: strings.Replace(url, "//", "//u:p@", 1)})
	require.NoError(t, err)
	assert.Equal(t, "u:p", <-got)
}

func TestANonsenseHostHeaderIsARefusal(t *testing.T) {
	_, err := newClient(t, Config{}).Send(t.Context(), Request{URL: "http://localhost", Header: http.Header{"Host": {"a b/c"}}})
	assert.True(t, sinks.IsPermanent(err))
}

func TestANegativeTimeoutIsRefused(t *testing.T) {
	_, err := New(Config{Timeout: -time.Second}, sinks.Env{})
	assert.EqualError(t, err, "timeout: -1s is negative")
}
