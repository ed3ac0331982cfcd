package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const (
	token    = "header-t0ken-5ca1ab1e"
	pathKey  = "T000-path-key-0ddba11"
	queryKey = "query-key-ba5eba11"
	password = "pa55word-f00dcafe"
)

func TestConformance(t *testing.T) {
	for mode, more := range map[mode]string{
		single: "",
		array:  "batch: {mode: array, size: 40, bytes: 60000}\nlayout: {reason: '{{ .Reason }}', text: '{{ .Message }}'}\n",
		ndjson: "batch: {mode: ndjson, size: 40, bytes: 60000}\ngzip: true\nmethod: PUT\n",
	} {
		t.Run(string(mode), func(t *testing.T) {
			h := sinktest.Harness{
				Golden:  "testdata/" + string(mode),
				Secrets: []string{token, pathKey, queryKey, password},
				Start: func(t *testing.T) sinktest.Destination {
					service := sinktest.NewHTTPService(t, reader(mode))
					return sinktest.Destination{
						Kind: Kind, Service: service,
						Config: "endpoint: " + service.URL + "/hook/" + pathKey + "?key=" + queryKey + "\n" +
							"headers: {X-Token: " + token + "}\nusername: boat\npassword: " + password + "\n" + more,
					}
				},
				NoPartial:         "an endpoint takes or refuses a request as a whole",
				NoByteLimit:       "bytes is the user's wish, the endpoint takes more",
				NoRecordByteLimit: "bytes is the user's wish, the endpoint takes more",
			}
			sinktest.Run(t, h)
		})
	}
}

func TestRequestsPerThousand(t *testing.T) {
	for mode, want := range map[mode]int{single: 1000, array: 2, ndjson: 2} {
		service := sinktest.NewHTTPService(t, reader(mode))
		config := fmt.Sprintf("{endpoint: %s, batch: {mode: %s}}", service.URL, mode)
		assert.Equal(t, want, sinktest.RequestsPerThousand(t, sinktest.Destination{Kind: Kind, Service: service, Config: config}), mode)
	}
}

// reader takes a request apart as an endpoint does.
func reader(m mode) func(*http.Request, []byte) []sinktest.Delivery {
	return func(r *http.Request, body []byte) []sinktest.Delivery {
		var bodies []json.RawMessage
		switch m {
		case single:
			bodies = append(bodies, body)
		case array:
			if err := json.Unmarshal(body, &bodies); err != nil {
				panic(err)
			}
		case ndjson:
			for line := range bytes.Lines(body) {
				bodies = append(bodies, bytes.TrimSuffix(line, []byte("\n")))
			}
		}
		var got []sinktest.Delivery
		for _, b := range bodies {
			got = append(got, sinktest.Delivery{Key: r.Header.Get("Idempotency-Key"), Body: b})
		}
		return got
	}
}

// request is what an endpoint saw.
type request struct {
	*http.Request
	body string
}

// endpoint keeps what it is sent and answers with status.
func endpoint(t *testing.T, status int) (string, func() request) {
	t.Helper()
	seen := make(chan request, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		seen <- request{r, string(body)}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() request { return <-seen }
}

func TestHeaders_DS3(t *testing.T) {
	for name, tc := range map[string]struct {
		config string
		check  func(t *testing.T, r request)
	}{
		"one Content-Type of our own": {"", func(t *testing.T, r request) {
			assert.Equal(t, []string{"application/json"}, r.Header.Values("Content-Type"))
			assert.Equal(t, http.MethodPost, r.Method)
			assert.Equal(t, "packetboat/0.0.0-test", r.UserAgent())
		}},
		"a user's Content-Type replaces it": {"headers: {content-type: text/x}", func(t *testing.T, r request) {
			assert.Equal(t, []string{"text/x"}, r.Header.Values("Content-Type"))
		}},
		"a user's User-Agent replaces it": {"headers: {User-Agent: me}", func(t *testing.T, r request) {
			assert.Equal(t, []string{"me"}, r.Header.Values("User-Agent"))
		}},
		"Host can be set": {"headers: {Host: hooks.example.com}", func(t *testing.T, r request) {
			assert.Equal(t, "hooks.example.com", r.Host)
		}},
		"values are templates": {"headers: {X-Reason: '{{ .Reason }}'}", func(t *testing.T, r request) {
			assert.Equal(t, "BackOff", r.Header.Get("X-Reason"))
		}},
		"a number is a text": {"headers: {X-N: 7}", func(t *testing.T, r request) {
			assert.Equal(t, "7", r.Header.Get("X-N"))
		}},
		"event text cannot begin a header": {"headers: {X-Message: '{{ .Message }}'}", func(t *testing.T, r request) {
			assert.Equal(t, "aX-Injected: yesb", r.Header.Get("X-Message"))
			assert.Empty(t, r.Header.Get("X-Injected"))
		}},
		"Idempotency-Key is the ID": {"", func(t *testing.T, r request) {
			assert.Equal(t, event.Sample().ID(), r.Header.Get("Idempotency-Key"))
		}},
		"a user's Idempotency-Key replaces it": {"headers: {Idempotency-Key: mine}", func(t *testing.T, r request) {
			assert.Equal(t, "mine", r.Header.Get("Idempotency-Key"))
		}},
		"basic authentication": {"username: u\npassword: p", func(t *testing.T, r request) {
			user, pass, ok := r.BasicAuth()
			assert.True(t, ok)
			assert.Equal(t, "u:p", user+":"+pass)
		}},
		"ndjson says so": {"batch: {mode: ndjson}", func(t *testing.T, r request) {
			assert.Equal(t, "application/x-ndjson", r.Header.Get("Content-Type"))
		}},
		"gzip says so": {"gzip: true", func(t *testing.T, r request) {
			assert.Equal(t, "gzip", r.Header.Get("Content-Encoding"))
			assert.True(t, strings.HasPrefix(r.body, "\x1f\x8b"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			url, seen := endpoint(t, http.StatusOK)
			ev := event.Sample()
			ev.Message = "a\r\nX-Injected: yes\x00b"
			require.NoError(t, sinktest.Send(t, sinktest.MustOpen(t, Kind, "endpoint: "+url+"\n"+tc.config), ev))
			tc.check(t, seen())
		})
	}
}

func TestAHeaderThatCannotBeRenderedIsNeverSentAsText_DS3(t *testing.T) {
	s := sinktest.MustOpen(t, Kind, "endpoint: http://localhost/\nheaders: {X-N: '{{ .Series.Count }}'}")
	ev := event.Sample()
	ev.Series = nil
	_, err := s.Encode(ev)
	require.ErrorContains(t, err, "headers: X-N")
}

func TestEndpointIsATemplate_DS4(t *testing.T) {
	url, seen := endpoint(t, http.StatusNoContent)
	s := sinktest.MustOpen(t, Kind, "endpoint: "+url+"/{{ .Namespace | urlquery }}?r={{ .Reason | urlquery }}")
	ev := event.Sample()
	ev.Reason = "a&b=c"
	require.NoError(t, sinktest.Send(t, s, ev))
	got := seen()
	assert.Equal(t, "/default", got.URL.Path)
	assert.Equal(t, "a&b=c", got.URL.Query().Get("r"))
}

func TestAnEndpointThatIsNoAddressIsADeadLetter(t *testing.T) {
	s := sinktest.MustOpen(t, Kind, `{endpoint: '{{ index .InvolvedObject.Annotations "note" }}'}`)
	for _, hostile := range []string{"", "file:///etc/passwd", "gopher://x/", "http://", "http://a b/", "http://x/\n"} {
		ev := event.Sample()
		ev.InvolvedObject.Annotations = map[string]string{"note": hostile + "\x01"}
		_, err := s.Encode(ev)
		require.ErrorContains(t, err, "endpoint, as rendered for this event", hostile)
	}
}

// The key decides what may share a request.
func TestKey(t *testing.T) {
	other := event.Sample()
	other.Namespace = "other"
	for _, tc := range []struct {
		config string
		same   bool
	}{
		{"endpoint: http://h/", true},
		{"endpoint: http://h/{{ .Namespace }}", false},
		{"endpoint: http://h/\nbatch: {mode: array}", true},
		{"endpoint: http://h/{{ .Namespace }}\nbatch: {mode: array}", false},
		{"endpoint: http://h/\nheaders: {X: '{{ .Namespace }}'}\nbatch: {mode: array}", false},
		{"endpoint: http://h/\nheaders: {X: '{{ .Namespace }}'}", true}, // one event per request
	} {
		s := sinktest.MustOpen(t, Kind, tc.config)
		a, err := s.Encode(event.Sample())
		require.NoError(t, err)
		b, err := s.Encode(other)
		require.NoError(t, err)
		assert.Equal(t, tc.same, a.Key == b.Key, tc.config)
	}
}

func TestAFullBatchKeepsItsBytes(t *testing.T) {
	for _, mode := range []mode{array, ndjson} {
		url, seen := endpoint(t, http.StatusOK)
		s := sinktest.MustOpen(t, Kind, fmt.Sprintf("endpoint: %s\nlayout: '{{ .Message }}'\nbatch: {mode: %s, size: 3, bytes: 100}", url, mode))
		limit := s.Limits()
		assert.Equal(t, 3, limit.Records)
		one := event.Sample()
		one.Message = strings.Repeat("x", limit.Bytes/3-2) // and two quotes
		require.NoError(t, sinktest.Send(t, s, one, one, one))
		assert.LessOrEqual(t, len(seen().body), 100)
		one.Message = strings.Repeat("x", limit.RecordBytes-2)
		require.NoError(t, sinktest.Send(t, s, one))
		assert.LessOrEqual(t, len(seen().body), 100)
	}
}

func TestTooLargeABatchIsPermanentSoThatItIsCut(t *testing.T) {
	url, _ := endpoint(t, http.StatusRequestEntityTooLarge)
	err := sinktest.Send(t, sinktest.MustOpen(t, Kind, "endpoint: "+url+"\nbatch: {mode: array}"), event.Sample(), event.Sample())
	require.Error(t, err)
	assert.True(t, sinks.IsPermanent(err))
}
