package loki

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/grafana/loki/pkg/push"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const (
	password    = "pa55word-f00dcafe"
	headerToken = "header-t0ken-5ca1ab1e"
)

// decode takes a push apart with Loki's own types.
func decode(t *testing.T, body []byte) push.PushRequest {
	t.Helper()
	raw, err := snappy.Decode(nil, body)
	assert.NoError(t, err)
	assert.LessOrEqual(t, len(raw), maxRequest)
	var request push.PushRequest
	assert.NoError(t, request.Unmarshal(raw))
	return request
}

func harness(config string) sinktest.Harness {
	return sinktest.Harness{
		Secrets: []string{password, headerToken},
		Start: func(t *testing.T) sinktest.Destination {
			service := sinktest.NewHTTPService(t, func(r *http.Request, body []byte) (got []sinktest.Delivery) {
				assert.Equal(t, pushPath, r.URL.Path)
				assert.Equal(t, "application/x-protobuf", r.Header.Get("Content-Type"))
				for _, stream := range decode(t, body).Streams {
					for _, entry := range stream.Entries {
						got = append(got, sinktest.Delivery{Body: []byte(entry.Line)})
					}
				}
				return got
			})
			service.Limit(sinks.Limits{Bytes: maxBytes, RecordBytes: maxLine})
			return sinktest.Destination{
				Kind: Kind, Service: service,
				Config: "url: " + service.URL + "\nusername: boat\npassword: " + password +
					"\nheaders: {X-Token: " + headerToken + "}\n" + config,
			}
		},
		NoPartial:          "Loki does not say which entries of a push it refused",
		NoDeduplicationKey: "Loki knows a repetition by its stream, time and line",
		NoRecordLimit:      "only bytes count",
	}
}

const labelled = "streamLabels: {app: events, namespace: '{{ .Namespace }}'}\nstructuredMetadata: {uid: '{{ .UID }}'}\n" +
	"tenant: '{{ .ClusterName }}'\nlayout: {reason: '{{ .Reason }}', msg: '{{ .Message }}'}"

func TestConformance(t *testing.T) {
	for name, config := range map[string]string{"json": "deDot: true", "layout": labelled} {
		t.Run(name, func(t *testing.T) {
			h := harness(config)
			h.Golden = "testdata/" + name
			sinktest.Run(t, h)
		})
	}
}

func TestFaults(t *testing.T) { sinktest.Survive(t, harness("")) }

func TestRequestsPerThousand_DS11(t *testing.T) {
	h := harness("streamLabels: {pod: '{{ .InvolvedObject.Name }}', n: '{{ .ResourceVersion }}'}")
	assert.Equal(t, 1, sinktest.RequestsPerThousand(t, h.Start(t)), "many streams in one request")
}

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 1, sinktest.RequestsPerThousand(t, harness("").Start(t)))
}

// pushed is what one request brought.
type pushed struct {
	*http.Request
	push.PushRequest
}

// service answers every push with a status and a text.
func service(t *testing.T, status int, text string) (string, <-chan pushed) {
	t.Helper()
	seen := make(chan pushed, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		seen <- pushed{r, decode(t, body)}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return server.URL, seen
}

func send(t *testing.T, config string, events ...*event.Event) error {
	t.Helper()
	return sinktest.Send(t, sinktest.MustOpen(t, Kind, config), events...)
}

// at is the sample with another time, in nanoseconds that Kubernetes keeps.
func at(when time.Time) *event.Event {
	ev := event.Sample()
	ev.Series = nil
	ev.LastTimestamp, ev.EventTime = metav1.Time{}, metav1.NewMicroTime(when)
	return ev
}

func TestAnEntryHasTheTimeOfTheEvent_DS10(t *testing.T) {
	when := time.Date(2026, 2, 3, 4, 5, 6, 789012000, time.UTC)
	url, seen := service(t, http.StatusNoContent, "")
	require.NoError(t, send(t, "url: "+url, at(when), at(when.Add(time.Microsecond)), &event.Event{}))
	entries := (<-seen).Streams[0].Entries
	assert.Equal(t, when, entries[0].Timestamp)
	assert.Equal(t, when.Add(time.Microsecond), entries[1].Timestamp, "in one second, and in order")
	assert.Equal(t, sinktest.Now, entries[2].Timestamp, "without a time: now")
}

func TestStreams_DS11(t *testing.T) {
	url, seen := service(t, http.StatusNoContent, "")
	other := event.Sample()
	other.Namespace = "o\"ther\xff"
	require.NoError(t, send(t, "url: "+url+"\n"+labelled, event.Sample(), other, event.Sample()))
	got := <-seen
	require.Len(t, got.Streams, 2, "streams of one request")
	assert.Equal(t, `{app="events", namespace="default"}`, got.Streams[0].Labels)
	assert.Equal(t, `{app="events", namespace="o\"ther�"}`, got.Streams[1].Labels)
	assert.Len(t, got.Streams[0].Entries, 2)
	assert.Equal(t, push.LabelsAdapter{{Name: "uid", Value: string(event.Sample().UID)}}, got.Streams[0].Entries[0].StructuredMetadata)
	assert.Equal(t, event.Sample().ClusterName, got.Header.Get("X-Scope-OrgID"))

	require.NoError(t, send(t, "url: "+url+"\nstreamLabels: {a: '{{ .Event.Action }}'}", &event.Event{}))
	assert.Equal(t, `{job="packetboat"}`, (<-seen).Streams[0].Labels, "a stream without a label is refused")
}

// What differs in a header cannot share a request; a stream can.
func TestKey(t *testing.T) {
	other := event.Sample()
	other.Namespace = "other"
	for config, same := range map[string]bool{
		"":                                      true,
		"streamLabels: {n: '{{ .Namespace }}'}": true,
		"tenant: '{{ .Namespace }}'":            false,
		"headers: {X: '{{ .Namespace }}'}":      false,
	} {
		s, err := sinktest.Open(t, Kind, "url: http://h\n"+config)
		require.NoError(t, err)
		a, err := s.Encode(event.Sample())
		require.NoError(t, err)
		b, err := s.Encode(other)
		require.NoError(t, err)
		assert.Equal(t, same, a.Key == b.Key, config)
	}
}

func TestAHeaderCannotBeBrokenByAnEvent(t *testing.T) {
	url, seen := service(t, http.StatusNoContent, "")
	ev := event.Sample()
	ev.Reason = "a\r\nX-Injected: yes"
	require.NoError(t, send(t, "url: "+url+"\nheaders: {X-Reason: '{{ .Reason }}'}", ev))
	assert.Equal(t, "aX-Injected: yes", (<-seen).Header.Get("X-Reason"))
}

// The answers of Loki 3.7.
func TestVerdicts(t *testing.T) {
	for _, tc := range []struct {
		status          int
		text            string
		permanent, stop bool
	}{
		{400, `entry for stream '{job="x"}' has timestamp too old: 2020-01-01T00:00:00Z, oldest acceptable timestamp is: 2026-01-01T00:00:00Z`, true, false},
		{400, "max entry size '262144' bytes exceeded for stream", true, false},
		{401, "no org id", false, true},
		{404, "404 page not found", false, true},
		{429, "ingestion rate limit exceeded for user fake", false, false},
		{400, `stream '{job="x"}' includes structured metadata, but this feature is disallowed.`, false, true},
		{500, "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (5 vs. 4)", true, false},
		{500, "rpc error: code = Unavailable desc = connection refused", false, false},
	} {
		url, _ := service(t, tc.status, tc.text)
		err := send(t, "url: "+url, event.Sample())
		require.ErrorContains(t, err, strings.Fields(tc.text)[0])
		assert.Equal(t, tc.permanent, sinks.IsPermanent(err), tc.text)
		assert.Equal(t, tc.stop, sinks.IsStop(err), tc.text)
	}
}

// Lines below the limit, and so much of labels and metadata that the message is
// above: the batch is cut before Loki answers 500 to it.
func TestLabelsCountForTheSizeOfARequest(t *testing.T) {
	url, seen := service(t, http.StatusNoContent, "")
	var events []*event.Event
	for i := range 1000 {
		ev := event.Sample()
		ev.Namespace, ev.Message = fmt.Sprint(i, strings.Repeat("x", 2000)), strings.Repeat("y", 3000)
		events = append(events, ev)
	}
	const config = "streamLabels: {n: '{{ .Namespace }}'}\nlayout: '{{ .Message }}'\nurl: "
	assert.True(t, sinks.IsPermanent(send(t, config+url, events...)))
	assert.Empty(t, seen)
	require.NoError(t, send(t, config+url, events[:500]...))
}

func TestTheReceiversOwnTLSIsUsed_DS9(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(ca, block, 0o600))
	require.NoError(t, send(t, "url: "+server.URL+"\ntls: {caFile: "+ca+"}", event.Sample()))
	require.NoError(t, send(t, "url: "+server.URL+"\ntls: {insecureSkipVerify: true}", event.Sample()))
	require.ErrorContains(t, send(t, "url: "+server.URL, event.Sample()), "not trusted")
	assert.Nil(t, http.DefaultClient.Transport)
}

func TestThePathOfTheURL(t *testing.T) {
	for given, want := range map[string]string{"": pushPath, "/": pushPath, "/own/push": "/own/push"} {
		url, seen := service(t, http.StatusNoContent, "")
		require.NoError(t, send(t, "url: "+url+given, event.Sample()))
		assert.Equal(t, want, (<-seen).URL.Path)
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                                    "url: is missing",
		"url: loki:3100":                        "url: want a URL that begins with http:// or https://",
		"url: http://h\nstreamLabels: {a-b: x}": `line 2, column 21: streamLabels: "a-b" is not a label name: letters, digits and _ only`,
		"url: http://h\nstructuredMetadata: {1a: x}":              `line 2, column 26: structuredMetadata: "1a" is not a label name: letters, digits and _ only`,
		"url: http://h\ntenant: a\nheaders: {X-Scope-OrgID: b}":   "line 3, column 26: headers: X-Scope-OrgID cannot be set beside tenant",
		"url: http://h\nusername: a\nheaders: {authorization: b}": "line 3, column 26: headers: authorization cannot be set beside username and password",
		"url: http://h\nheaders: {'a b': c}":                      `line 2, column 18: headers: "a b" is not a header name`,
		"url: http://h\ntls: {certFile: x}":                       "tls: certFile is set without keyFile",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
}
