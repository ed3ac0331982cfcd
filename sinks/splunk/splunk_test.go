package splunk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const token = "12345678-t0ken-5ca1ab1e"

func harness(config string) sinktest.Harness {
	return sinktest.Harness{
		Secrets: []string{token},
		Start: func(t *testing.T) sinktest.Destination {
			service := sinktest.NewHTTPService(t, func(r *http.Request, body []byte) (got []sinktest.Delivery) {
				assert.Equal(t, eventPath, r.URL.Path)
				assert.Equal(t, "Splunk "+token, r.Header.Get("Authorization"))
				assert.Regexp(t, guid, r.Header.Get("X-Splunk-Request-Channel"))
				decoder := json.NewDecoder(bytes.NewReader(body))
				for {
					var one json.RawMessage
					err := decoder.Decode(&one)
					if errors.Is(err, io.EOF) {
						return got
					}
					if !assert.NoError(t, err) {
						return nil
					}
					got = append(got, sinktest.Delivery{Body: one})
				}
			})
			service.Limit(sinks.Limits{Bytes: maxBytes})
			return sinktest.Destination{
				Kind: Kind, Service: service, Config: "url: " + service.URL + "\ntoken: " + token + "\n" + config,
			}
		},
		NoPartial:          "the collector names the first bad event and does not say which others it took",
		NoDeduplicationKey: "Splunk stores what it is sent; the ID is an indexed field of the event",
		NoRecordLimit:      "only bytes count",
	}
}

func TestConformance(t *testing.T) {
	for name, config := range map[string]string{
		"json": "index: main\ngzip: true",
		"layout": "index: 'k8s_{{ .Namespace }}'\nhost: '{{ .Source.Host }}'\nsourcetype: 'kube:events'\nfields: {cluster: '{{ .ClusterName }}'}\n" +
			"layout: {reason: '{{ .Reason }}', msg: '{{ .Message }}'}",
	} {
		t.Run(name, func(t *testing.T) {
			h := harness(config)
			h.Golden = "testdata/" + name
			sinktest.Run(t, h)
		})
	}
}

func TestFaults(t *testing.T) { sinktest.Survive(t, harness("")) }

// 1,000 events of 1 KiB are more than a megabyte.
func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 2, sinktest.RequestsPerThousand(t, harness("").Start(t)))
}

func send(ctx context.Context, t *testing.T, url, config string) error {
	t.Helper()
	s, err := sinktest.Open(t, Kind, "url: "+url+"\ntoken: "+token+"\n"+config)
	require.NoError(t, err)
	r, err := s.Encode(event.Sample())
	require.NoError(t, err)
	return s.Send(ctx, []sinks.Record{r})
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// The codes of Splunk's table of answers.
func TestVerdicts(t *testing.T) {
	for _, tc := range []struct {
		status, code    int
		config          string
		permanent, stop bool
	}{
		{400, 5, "", true, false},  // no data
		{400, 6, "", true, false},  // invalid data format
		{400, 12, "", true, false}, // event field is required
		{400, 13, "", true, false}, // event field cannot be blank
		{400, 15, "", true, false}, // error in handling indexed fields
		{400, 7, "index: nope", false, true},
		{400, 7, "index: 'k{{ .Namespace }}'", true, false},
		{400, 10, "", false, true},
		{400, 11, "", false, true},
		{400, 14, "", false, true},
		{401, 2, "", false, true},
		{403, 4, "", false, true},
		{404, 0, "", false, true},
		{429, 0, "", false, false},
		{500, 8, "", false, false},
		{503, 9, "", false, false},
	} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tc.status)
			_, _ = fmt.Fprintf(w, `{"text":"no","code":%d}`, tc.code)
		})
		err := send(t.Context(), t, url, tc.config)
		require.Error(t, err)
		assert.Equal(t, tc.permanent, sinks.IsPermanent(err), "%+v", tc)
		assert.Equal(t, tc.stop, sinks.IsStop(err), "%+v", tc)
	}
}

// collector has indexer acknowledgement: it says no so many times.
func collector(t *testing.T, no int32) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	channel := atomic.Value{}
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == eventPath {
			channel.Store(r.Header.Get("X-Splunk-Request-Channel"))
			_, _ = io.WriteString(w, `{"text":"Success","code":0,"ackId":7}`)
			return
		}
		assert.Equal(t, ackPath, r.URL.Path)
		assert.Equal(t, channel.Load(), r.Header.Get("X-Splunk-Request-Channel"))
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.JSONEq(t, `{"acks":[7]}`, string(body))
		_, _ = fmt.Fprintf(w, `{"acks":{"7":%t}}`, asked.Add(1) > no)
	}), asked
}

func TestAckWaitsUntilItIsIndexed(t *testing.T) {
	url, asked := collector(t, 2)
	require.NoError(t, send(t.Context(), t, url, "ack: true"))
	assert.EqualValues(t, 3, asked.Load())

	url, asked = collector(t, 0)
	require.NoError(t, send(t.Context(), t, url, ""))
	assert.Zero(t, asked.Load(), "only if it is asked for")
}

func TestWhatIsNotIndexedInTimeIsTransient(t *testing.T) {
	url, _ := collector(t, 1<<30)
	err := send(t.Context(), t, url, "ack: true\ntimeout: 100ms")
	require.ErrorContains(t, err, "not indexed within 100ms")
	assert.False(t, sinks.IsPermanent(err) || sinks.IsStop(err))

	ctx, cancel := context.WithCancel(t.Context())
	url = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == ackPath {
			cancel()
		}
		_, _ = io.WriteString(w, `{"ackId":7,"acks":{"7":false}}`)
	})
	require.ErrorIs(t, send(ctx, t, url, "ack: true"), context.Canceled)
}

func TestATokenWithoutAckStops(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"text":"Success","code":0}`) })
	assert.True(t, sinks.IsStop(send(t.Context(), t, url, "ack: true")))
	require.NoError(t, send(t.Context(), t, url, ""))
}

func TestTheEnvelope(t *testing.T) {
	s, err := sinktest.Open(t, Kind, "url: http://h\ntoken: t\nindex: i\nfields: {team: '{{ .Namespace }}', none: '{{ with .Series }}{{ end }}'}")
	require.NoError(t, err)
	r, err := s.Encode(event.Sample())
	require.NoError(t, err)
	var got map[string]any
	decoder := json.NewDecoder(bytes.NewReader(r.Body))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&got))
	at := event.Sample().Time()
	assert.Equal(t, json.Number(fmt.Sprintf("%d.%06d", at.Unix(), at.Nanosecond()/1000)), got["time"], "the event's, in microseconds")
	assert.Equal(t, []any{"i", "packetboat", "_json"}, []any{got["index"], got["source"], got["sourcetype"]})
	assert.Equal(t, map[string]any{"packetboat_id": r.ID, "team": "default"}, got["fields"])
	assert.NotContains(t, got, "host")

	r, err = s.Encode(&event.Event{})
	require.NoError(t, err)
	assert.NotContains(t, string(r.Body), `{"time":`, "without a time Splunk takes its own")
}

func TestAddresses(t *testing.T) {
	for given, before := range map[string]string{
		"":                                "",
		"/":                               "",
		"/services/collector":             "",
		"/services/collector/event/":      "",
		"/proxy/services/collector/event": "/proxy",
		"/proxy":                          "/proxy",
	} {
		var c Config
		require.NoError(t, yaml.Unmarshal([]byte("url: https://h:8088"+given), &c))
		events, acks, err := c.addresses()
		require.NoError(t, err)
		assert.Equal(t, "https://h:8088"+before+eventPath, events, given)
		assert.Equal(t, "https://h:8088"+before+ackPath, acks, given)
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                                   "url: is missing",
		"url: splunk:8088\ntoken: t":           "url: want a URL that begins with http:// or https://",
		"url: https://h":                       "token: is missing",
		"url: https://h\ntoken: t\nchannel: x": "channel: want a GUID",
		"url: https://h\ntoken: t\nfields: {packetboat_id: x}":     "line 3, column 25: fields: packetboat_id is the event's ID",
		"url: https://h\ntoken: t\ntls: {caFile: /does/not/exist}": "tls: caFile: open /does/not/exist: no such file or directory",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
	_, err := sinktest.Open(t, Kind, "url: https://h\ntoken: t\nsource: '{{ .Nope }}'")
	assert.True(t, strings.HasPrefix(err.Error(), "source: "), err)
}

// There is no real one to run here: the fake takes them.
func TestTenThousandEvents(t *testing.T) {
	t.Log("peer: a scripted fake")
	events := sinktest.Kibibyte(10_000)
	d := harness("").Start(t)
	stats := sinktest.Deliver(t, d.Kind, d.Config, events)
	assert.EqualValues(t, len(events), stats.Delivered)
	require.Len(t, d.Service.Deliveries(), len(events))
	for i, got := range d.Service.Deliveries() {
		require.Contains(t, string(got.Body), `"packetboat_id":"`+events[i].ID()+`"`, "in order")
	}
}
