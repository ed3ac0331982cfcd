package pagerduty

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	api "github.com/PagerDuty/go-pagerduty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const routingKey = "5ca1ab1e0ddba11f00d5ba5eba11cafe"

const everything = `summary: "{{ .Reason }}: {{ .Message }}"
severity: '{{ if eq .Reason "BackOff" }}critical{{ end }}'
source: "{{ .ClusterName }}"
component: "{{ .InvolvedObject.Name }}"
group: "{{ .InvolvedObject.Namespace }}"
class: "{{ .Reason }}"
custom_details: {message: "{{ .Message }}", labels: "{{ toJson .InvolvedObject.Labels }}"}
links: [{href: "https://grafana.example.com/d/pod?ns={{ .Namespace | urlquery }}", text: "{{ .InvolvedObject.Name }}"}]
client_url: https://packetboat.example.com
`

// reader takes a request apart as the Events API does, and holds it to its limits.
func reader(t *testing.T) func(r *http.Request, body []byte) []sinktest.Delivery {
	return func(r *http.Request, raw []byte) []sinktest.Delivery {
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, "/v2/enqueue", r.URL.Path)
		assert.Equal(t, "packetboat/0.0.0-test", r.UserAgent())
		assert.Empty(t, r.Header.Get("Authorization"))
		assert.LessOrEqual(t, len(raw), 512_000)
		var e api.V2Event
		assert.NoError(t, json.Unmarshal(raw, &e))
		assert.Equal(t, routingKey, e.RoutingKey)
		assert.NotEmpty(t, e.DedupKey)
		assert.LessOrEqual(t, len([]rune(e.DedupKey)), 255)
		if e.Action == "trigger" {
			assert.NotEmpty(t, e.Payload.Summary)
			assert.LessOrEqual(t, len([]rune(e.Payload.Summary)), 1024)
			assert.NotEmpty(t, e.Payload.Source)
			assert.Contains(t, []string{"critical", "error", "warning", "info"}, e.Payload.Severity)
		} else {
			assert.Equal(t, "resolve", e.Action)
			assert.Nil(t, e.Payload)
		}
		e.RoutingKey = ""
		body, err := json.Marshal(e)
		assert.NoError(t, err)
		return []sinktest.Delivery{{Body: body}}
	}
}

// refuse answers as the API does, and quotes the key where that is what is wrong.
func refuse(w http.ResponseWriter, a sinktest.Answer, _ []sinktest.Delivery) bool {
	switch a.Outcome {
	case sinktest.Accepted:
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"status":"success","message":"Event processed","dedup_key":"k"}`)
	case sinktest.Malformed:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"status":"invalid event","message":"Event object is invalid (%s)","errors":["'payload.severity' is invalid"]}`, routingKey)
	case sinktest.Forbidden:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"status":"invalid event","message":"Event object is invalid","errors":["Invalid routing key %s"]}`, routingKey)
	default:
		return false
	}
	return true
}

func destination(config string) func(t *testing.T) sinktest.Destination {
	return func(t *testing.T) sinktest.Destination {
		service := sinktest.NewHTTPService(t, reader(t))
		service.Refuse(refuse)
		return sinktest.Destination{Kind: Kind, Service: service, Config: config + "routing_key: " + routingKey + "\nurl: " + service.URL + "\n"}
	}
}

func TestConformance(t *testing.T) {
	for name, config := range map[string]string{"everything": everything, "defaults": ""} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, sinktest.Harness{
				Start: destination(config), Golden: "testdata/" + name, Secrets: []string{routingKey},
				NoPartial:          "a request is one event",
				NoDeduplicationKey: "the key names the alert, which other events share",
				NoByteLimit:        "texts are cut to what PagerDuty takes",
				NoRecordByteLimit:  "texts are cut to what PagerDuty takes",
			})
		})
	}
}

func TestFaults(t *testing.T) {
	sinktest.Survive(t, sinktest.Harness{Start: destination(""), NoPartial: "a request is one event", NoLostReply: "see below"})
	d := destination("")(t)
	d.Service.Script(sinktest.Answer{Outcome: sinktest.ReplyLost})
	stats := sinktest.Deliver(t, Kind, d.Config, sinktest.Kibibyte(3))
	assert.EqualValues(t, 3, stats.Delivered)
	got := d.Service.Deliveries()
	require.Len(t, got, 4)
	assert.Equal(t, got[0], got[1], "a repetition is the same to the byte, its ID included")
}

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 1000, sinktest.RequestsPerThousand(t, destination("")(t)), "the API takes one event at a time")
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                                  "routing_key: is missing",
		"{routing_key: k, url: nowhere}":      "url: want a URL that begins with http:// or https://",
		"{routing_key: k, url: 'http://h?'}":  "",
		"{routing_key: k, url: 'http://h?a'}": "url: want the address of the region, without a query",
		"{routing_key: k, summary: ''}":       "summary: is empty",
		"{routing_key: k, severity: high}":    `line 1, column 28: severity: want critical, error, warning, info, got "high"`,
		"{routing_key: k, links: [{}]}":       "links[0]: href: is missing",
		"{routing_key: k, links: [" + strings.Repeat("{href: x},", 11) + "]}": "links: want at most 10, got 11",
		"{routing_key: k, timeout: -1s}":                                      "timeout: -1s is negative",
	} {
		_, err := sinktest.Open(t, Kind, config)
		if want == "" {
			assert.NoError(t, err, config)
			continue
		}
		assert.EqualError(t, err, want, config)
	}
	for _, config := range []string{
		"dedup_key: '{{ .Nope }}'", "summary: '{{ .Nope }}'", "custom_details: {a: '{{ .Nope }}'}", "links: [{href: '{{ .Nope }}'}]",
		"links: [{href: x, text: '{{ .Nope }}'}]", "severity: '{{ .Nope }}'", "client_url: '{{ .Nope }}'",
	} {
		_, err := sinktest.Open(t, Kind, config+"\nrouting_key: k")
		assert.ErrorContains(t, err, "line 1, column", config)
	}
	for url, want := range map[string]string{
		"https://events.eu.pagerduty.com/": "https://events.eu.pagerduty.com", "https://h/v2/enqueue": "https://h", "https://h/proxy": "https://h/proxy",
	} {
		assert.Equal(t, want, Config{URL: url}.endpoint())
	}
}

// PagerDuty answers 400 to a wrong key as to a bad event. A typo must not send a
// backlog to the dead letter, and no event may stop the receiver.
func TestAWrongRoutingKeyStops(t *testing.T) {
	for text, stops := range map[string]bool{
		`{"status":"invalid event","errors":["Invalid routing key"]}`:                               true,
		`{"status":"invalid event","errors":["'routing_key' is missing or blank"]}`:                 true,
		`{"status":"invalid event","errors":["'payload.class' is invalid: Invalid routing key"]}`:   false,
		`{"status":"invalid event","message":"Invalid routing key","errors":["'payload.summary'"]}`: false,
		`not JSON: Invalid routing key`: false,
	} {
		service := sinktest.NewHTTPService(t, func(*http.Request, []byte) []sinktest.Delivery { return nil })
		service.Refuse(func(w http.ResponseWriter, _ sinktest.Answer, _ []sinktest.Delivery) bool {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, text)
			return true
		})
		s, err := sinktest.Open(t, Kind, "{routing_key: k, url: '"+service.URL+"'}")
		require.NoError(t, err)
		r, err := s.Encode(event.Sample())
		require.NoError(t, err)
		err = s.Send(t.Context(), []sinks.Record{r})
		assert.Equal(t, stops, sinks.IsStop(err), "%v", err)
		assert.Equal(t, !stops, sinks.IsPermanent(err), "%v", err)
	}
}

// Accepted is what the status says, whatever stands below it.
func TestTheStatusIsTheAnswer(t *testing.T) {
	service := sinktest.NewHTTPService(t, reader(t))
	service.Refuse(func(w http.ResponseWriter, _ sinktest.Answer, _ []sinktest.Delivery) bool {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "<html>")
		return true
	})
	config := "{routing_key: " + routingKey + ", url: '" + service.URL + "'}"
	assert.EqualValues(t, 1, sinktest.Deliver(t, Kind, config, []*event.Event{event.Sample()}).Delivered)
	assert.Equal(t, 1, service.Attempts())
}

func TestARecordIsOneAlert(t *testing.T) {
	s, err := sinktest.Open(t, Kind, "routing_key: k")
	require.NoError(t, err)
	_, r := encode(t, "", event.Sample())
	assert.True(t, sinks.IsPermanent(s.Send(t.Context(), []sinks.Record{r, r})))
	assert.True(t, sinks.IsPermanent(s.Send(t.Context(), []sinks.Record{{Body: []byte("junk")}})))
	assert.NoError(t, s.Send(t.Context(), nil))
}
