package opsgenie

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/opsgenie/opsgenie-go-sdk-v2/alert"
	"github.com/opsgenie/opsgenie-go-sdk-v2/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const apiKey = "5ca1ab1e-0000-4000-8000-0ddba11f00d5"

const everything = `message: "{{ .InvolvedObject.Kind }} <b>{{ .InvolvedObject.Name }}</b>: {{ .Reason }} {{ .Message }}"
description: "{{ .Message }}"
priority: '{{ if eq .Type "Warning" }}P2{{ else }}P5{{ end }}'
entity: "{{ .InvolvedObject.Namespace }}"
note: "{{ .Type }} by {{ .Component }}"
tags: ["{{ .InvolvedObject.Namespace }}", "{{ .InvolvedObject.Labels.none }}", kubernetes]
details: {reason: "{{ .Reason }}", message: "{{ .Message }}"}
responders:
  - {type: team, name: '{{ index .InvolvedObject.Annotations "example.com/team" }}'}
  - {type: user, username: ops@example.com}
visibleTo: [{type: team, id: 4513b7ea-3b91-438f-9b7e-000000000001}]
`

// reader takes a request apart as Opsgenie does, and holds it to its limits.
func reader(t *testing.T) func(r *http.Request, body []byte) []sinktest.Delivery {
	return func(r *http.Request, raw []byte) []sinktest.Delivery {
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, "GenieKey "+apiKey, r.Header.Get("Authorization"))
		assert.Contains(t, r.Header.Get("Content-Type"), "application/json")
		if alias, isEnd := strings.CutSuffix(r.URL.EscapedPath(), "/close"); isEnd {
			assert.NotContains(t, strings.TrimPrefix(alias, "/v2/alerts/"), "/")
			assert.Equal(t, "alias", r.URL.Query().Get("identifierType"))
			return []sinktest.Delivery{{Body: raw}}
		}
		assert.Equal(t, "/v2/alerts", r.URL.Path)
		var a sdk.CreateAlertRequest
		decoder := json.NewDecoder(strings.NewReader(string(raw)))
		decoder.DisallowUnknownFields()
		assert.NoError(t, decoder.Decode(&a))
		details := 0
		for name, value := range a.Details {
			details += len([]rune(name + value))
		}
		for what, tooLong := range map[string]bool{
			"message": len([]rune(a.Message)) > 130 || a.Message == "", "alias": len([]rune(a.Alias)) > 512 || a.Alias == "",
			"description": len([]rune(a.Description)) > 15_000, "tags": len(a.Tags) > 20, "details": details > 8000,
			"entity": len([]rune(a.Entity)) > 512, "source": len([]rune(a.Source)) > 100, "note": len([]rune(a.Note)) > 25_000,
		} {
			assert.False(t, tooLong, what)
		}
		return []sinktest.Delivery{{Key: a.Details["eventID"], Body: raw}}
	}
}

func destination(config string) func(t *testing.T) sinktest.Destination {
	return func(t *testing.T) sinktest.Destination {
		service := sinktest.NewHTTPService(t, reader(t))
		return sinktest.Destination{Kind: Kind, Service: service, Config: config + "apiKey: " + apiKey + "\nURL: " + service.URL + "\n"}
	}
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{
		Start: destination(everything), Secrets: []string{apiKey},
		NoPartial:          "a request is one alert",
		NoDeduplicationKey: "the alias names the alert, which other events share",
		NoByteLimit:        "texts are cut to what Opsgenie takes",
		NoRecordByteLimit:  "texts are cut to what Opsgenie takes",
	})
}

func TestFaults(t *testing.T) {
	sinktest.Survive(t, sinktest.Harness{
		Start: destination("description: '{{ .Name }} {{ .UID }}'\n"), NoPartial: "a request is one alert", NoLostReply: "see below",
	})
	d := destination("")(t)
	d.Service.Script(sinktest.Answer{Outcome: sinktest.ReplyLost})
	stats := sinktest.Deliver(t, Kind, d.Config, sinktest.Kibibyte(3))
	assert.EqualValues(t, 3, stats.Delivered)
	got := d.Service.Deliveries()
	require.Len(t, got, 4)
	assert.Equal(t, got[0], got[1], "a repetition is the same to the byte, its ID included")
}

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 1000, sinktest.RequestsPerThousand(t, destination("")(t)), "the API takes one alert at a time")
}

// Opsgenie's own client, as the oracle.
func TestARequestIsThatOfTheSDK(t *testing.T) {
	d := destination(everything)(t)
	sinktest.Deliver(t, Kind, d.Config, []*event.Event{event.Sample()})
	ours := d.Service.Deliveries()[0].Body
	var request sdk.CreateAlertRequest
	require.NoError(t, json.Unmarshal(ours, &request))

	service := sinktest.NewHTTPService(t, reader(t))
	config := &client.Config{ApiKey: apiKey, OpsGenieAPIURL: client.ApiUrl(strings.TrimPrefix(service.URL, "http://"))}
	config.ConfigureLogLevel("fatal")
	library, err := sdk.NewClient(config)
	require.NoError(t, err)
	_, _ = library.Create(t.Context(), &request) // it wants more of the answer than the fake says
	require.Len(t, service.Deliveries(), 1)
	// Its Responder always sends a user name, by a slip in the tag.
	assert.JSONEq(t, string(ours), strings.ReplaceAll(string(service.Deliveries()[0].Body), `,"username":""`, ""))
	_, _ = library.Close(t.Context(), &sdk.CloseAlertRequest{IdentifierType: sdk.ALIAS, IdentifierValue: "a b", Note: "n"})
	require.Len(t, service.Deliveries(), 2)
	assert.Contains(t, string(service.Deliveries()[1].Body), `"note":"n"`)
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                          "apiKey: is missing",
		"{apiKey: k, URL: ''}":        "URL: the URL names no host",
		"{apiKey: k, URL: 'ftp://h'}": "URL: want a URL that begins with http:// or https://",
		"{apiKey: k, URL: 'h?x=y'}":   "URL: want a host, or an address without a query",
		"{apiKey: k, priority: high}": `line 1, column 23: priority: want P1 to P5, got "high"`,
		"{apiKey: k, message: ''}":    "message: is empty",
		"{apiKey: k, timeout: -1s}":   "timeout: -1s is negative",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
	for _, key := range []string{"message", "alias", "description", "priority", "entity", "source", "note"} {
		_, err := sinktest.Open(t, Kind, "{apiKey: k, "+key+": '{{ .Nope }}'}")
		assert.ErrorContains(t, err, key+": line 1, column", key)
	}
}

// A bare host is https whatever its name is; upstream's client would have sent the
// key in the clear to one without "api" in it.
func TestAHostIsHTTPS(t *testing.T) {
	for url, want := range map[string]string{
		"alerts.example.com": "https://alerts.example.com", "api.eu.opsgenie.com": "https://api.eu.opsgenie.com",
		"http://localhost:1": "http://localhost:1", "https://api.atlassian.com/jsm/ops/integration": "https://api.atlassian.com/jsm/ops/integration",
	} {
		assert.Equal(t, want, Config{URL: url}.address())
	}
	assert.Equal(t, "https://api.opsgenie.com", defaults().address())
}

// Upstream took anything but a 200 for a failure; the API answers 202.
func TestAcceptedIsSuccess(t *testing.T) {
	stats := sinktest.Deliver(t, Kind, destination("")(t).Config, []*event.Event{event.Sample()})
	assert.EqualValues(t, 1, stats.Delivered, "the fake answers 202 as the API does")
}

// Upstream knew neither of these.
func TestUrgencyAndAddresseesFollowTheEvent_DS30(t *testing.T) {
	encode := func(change func(ev *event.Event)) (a sdk.CreateAlertRequest) {
		ev := event.Sample()
		change(ev)
		s, err := sinktest.Open(t, Kind, everything+"apiKey: k")
		require.NoError(t, err)
		r, err := s.Encode(ev)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(r.Body, &a))
		return a
	}
	urgent := encode(func(ev *event.Event) {
		ev.InvolvedObject.Annotations = map[string]string{"example.com/team": "shop"}
	})
	assert.Equal(t, sdk.P2, urgent.Priority)
	assert.Equal(t, []sdk.Responder{{Type: "team", Name: "shop"}, {Type: "user", Username: "ops@example.com"}}, urgent.Responders)
	assert.Equal(t, []sdk.Responder{{Type: "team", Id: "4513b7ea-3b91-438f-9b7e-000000000001"}}, urgent.VisibleTo)
	assert.Equal(t, "default", urgent.Entity)
	assert.Equal(t, "packetboat", urgent.Source)
	mild := encode(func(ev *event.Event) { ev.Type = "Normal" })
	assert.Equal(t, sdk.P5, mild.Priority)
	assert.Len(t, mild.Responders, 1, "no label, no team of an empty name")
	assert.Equal(t, []string{"default", "kubernetes"}, mild.Tags, "no empty tag")
}

// The delay of a 429 is in a header of Opsgenie's own.
func TestAThrottleWithoutRetryAfterHasItsPeriod(t *testing.T) {
	service := sinktest.NewHTTPService(t, reader(t))
	service.Refuse(func(w http.ResponseWriter, a sinktest.Answer, _ []sinktest.Delivery) bool {
		w.Header().Set("X-RateLimit-Period-In-Sec", "60")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	s, err := sinktest.Open(t, Kind, "{apiKey: "+apiKey+", URL: '"+service.URL+"'}")
	require.NoError(t, err)
	r, err := s.Encode(event.Sample())
	require.NoError(t, err)
	err = s.Send(t.Context(), []sinks.Record{r})
	assert.Equal(t, time.Minute, sinks.RetryDelay(err))
	assert.False(t, sinks.IsPermanent(err) || sinks.IsStop(err))
}

// An alias that is a path is one all the same.
func TestAnAliasCannotLeaveItsPlaceInTheAddress(t *testing.T) {
	for _, alias := range []string{"a/../../v1/users", "a?x=y#z", "100%", "..", "ä 世"} {
		var path string
		service := sinktest.NewHTTPService(t, func(r *http.Request, _ []byte) []sinktest.Delivery {
			path = r.URL.EscapedPath()
			assert.Equal(t, "identifierType=alias", r.URL.RawQuery)
			return nil
		})
		s, err := sinktest.Open(t, Kind, "{apiKey: k, URL: '"+service.URL+"', alias: '{{ .Message }}'}")
		require.NoError(t, err)
		ev := event.Sample()
		ev.Message = alias
		opened, err := s.Encode(ev)
		require.NoError(t, err)
		end, err := s.(sinks.Resolver).EncodeResolve(opened.Alert, time.Unix(1, 0))
		require.NoError(t, err)
		require.NoError(t, s.Send(t.Context(), []sinks.Record{end}))
		assert.Equal(t, 4, strings.Count(path, "/"), path)
		assert.NotContains(t, path, "/../")
	}
}
