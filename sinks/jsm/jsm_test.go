package jsm

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const (
	apiKey   = "5ca1ab1e-0000-4000-8000-0ddba11f00d5"
	apiToken = "ATATT3x-ba5eba11-f00dcafe"
	cloudID  = "11223344-a1b2-3b33-c444-def123456789"
	alertID  = "9b251e07-73c9-4907-9996-8cb53a6a20d0-1704440650350"
)

const everything = `message: "{{ .InvolvedObject.Kind }} <b>{{ .InvolvedObject.Name }}</b>: {{ .Message }}"
alias: '{{ .InvolvedObject.Namespace }}/{{ .Reason }}'
priority: '{{ if eq .Type "Warning" }}P2{{ else }}P5{{ end }}'
entity: "{{ .Owner }}"
note: "{{ .Type }} by {{ .Component }}"
tags: ["{{ .InvolvedObject.Namespace }}"]
details: {reason: "{{ .Reason }}"}
responders: [{type: team, id: '{{ index .InvolvedObject.Annotations "example.com/team" }}'}]
visibleTo: [{type: user, id: 4513b7ea-3b91-438f-9b7e-000000000001}]
`

// create is CreateAlertRequest of the API's OpenAPI document, under the two names
// that its two ways have for the properties.
type create struct {
	Message     string `json:"message"`
	Alias       string `json:"alias"`
	Description string `json:"description"`
	Responders  []struct{ ID, Type string }
	VisibleTo   []struct{ ID, Type string }
	Tags        []string
	Entity      string
	Source      string
	Priority    string
	Note        string

	Details, ExtraProperties map[string]string
}

// reader takes a request apart as the service does at one of its two ways.
func reader(t *testing.T, bySite bool) func(r *http.Request, body []byte) []sinktest.Delivery {
	return func(r *http.Request, raw []byte) []sinktest.Delivery {
		want, path := "GenieKey "+apiKey, "/jsm/ops/integration/v2/alerts"
		if bySite {
			want = "Basic " + base64.StdEncoding.EncodeToString([]byte("ops@example.com:"+apiToken))
			path = "/jsm/ops/api/" + cloudID + "/v1/alerts"
		}
		assert.Equal(t, want, r.Header.Get("Authorization"))
		switch rest, _ := strings.CutPrefix(r.URL.EscapedPath(), path); {
		case rest == "":
			assert.Equal(t, http.MethodPost, r.Method)
			var c create
			decoder := json.NewDecoder(strings.NewReader(string(raw)))
			decoder.DisallowUnknownFields()
			assert.NoError(t, decoder.Decode(&c))
			assert.Equal(t, bySite, c.Details == nil)
			assert.Equal(t, bySite, c.ExtraProperties != nil)
			return []sinktest.Delivery{{Body: raw}}
		case bySite && rest == "/alias":
			assert.Equal(t, http.MethodGet, r.Method)
			assert.Equal(t, "shop/BackOff", r.URL.Query().Get("alias"))
			return nil
		case bySite:
			assert.Equal(t, "/"+alertID+"/close", rest)
		default:
			assert.Equal(t, "/shop%2FBackOff/close", rest)
			assert.Equal(t, "alias", r.URL.Query().Get("identifierType"))
		}
		assert.Equal(t, http.MethodPost, r.Method)
		return []sinktest.Delivery{{Body: raw}}
	}
}

func destination(bySite bool, config string) func(t *testing.T) sinktest.Destination {
	return func(t *testing.T) sinktest.Destination {
		service := sinktest.NewHTTPService(t, reader(t, bySite))
		service.Refuse(func(w http.ResponseWriter, _ sinktest.Answer, got []sinktest.Delivery) bool {
			if got != nil {
				return false
			}
			_, _ = io.WriteString(w, `{"id":"`+alertID+`","alias":"shop/BackOff"}`)
			return true
		})
		access := "apiKey: " + apiKey
		if bySite {
			access = "cloudID: " + cloudID + "\nemail: ops@example.com\napiToken: " + apiToken
		}
		return sinktest.Destination{Kind: Kind, Service: service, Config: config + access + "\nurl: " + service.URL + "/jsm/ops\n"}
	}
}

func TestConformance(t *testing.T) {
	for name, bySite := range map[string]bool{"integration": false, "site": true} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, sinktest.Harness{
				Start: destination(bySite, everything), Golden: "testdata/" + name, Secrets: []string{apiKey, apiToken},
				NoPartial:          "a request is one alert",
				NoDeduplicationKey: "the alias names the alert, which other events share",
				NoByteLimit:        "texts are cut to what the service takes",
				NoRecordByteLimit:  "texts are cut to what the service takes",
			})
		})
	}
}

func TestFaults(t *testing.T) {
	for _, bySite := range []bool{false, true} {
		sinktest.Survive(t, sinktest.Harness{
			Start: destination(bySite, ""), NoPartial: "a request is one alert", NoLostReply: "see below",
		})
		d := destination(bySite, "")(t)
		d.Service.Script(sinktest.Answer{Outcome: sinktest.ReplyLost})
		stats := sinktest.Deliver(t, Kind, d.Config, sinktest.Kibibyte(3))
		assert.EqualValues(t, 3, stats.Delivered)
		got := d.Service.Deliveries()
		require.Len(t, got, 4)
		assert.Equal(t, got[0], got[1], "a repetition is the same to the byte, its ID included")
	}
}

func TestRequestsPerThousand(t *testing.T) {
	for _, bySite := range []bool{false, true} {
		assert.Equal(t, 1000, sinktest.RequestsPerThousand(t, destination(bySite, "")(t)), "the API takes one alert at a time")
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                         "apiKey: is missing; or set cloudID, email and apiToken",
		"{apiKey: k, email: e}":      "apiKey: cannot be set beside cloudID, email and apiToken",
		"{cloudID: c, email: e}":     "cloudID, email and apiToken: want all three",
		"{apiKey: k, url: nowhere}":  "url: want a URL that begins with http:// or https://",
		"{apiKey: k, priority: P0}":  `line 1, column 23: priority: want P1 to P5, got "P0"`,
		"{apiKey: k, proxy: 'f://'}": "proxy: not a URL",
		"{cloudID: https://x.atlassian.net, email: e, apiToken: t}":      "cloudID: want a UUID, as https://SITE.atlassian.net/_edge/tenant_info shows it",
		"{apiKey: k, responders: [{type: user, username: a@b.example}]}": "responders[0]: want an id; the service knows no other names",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
	assert.Equal(t, "https://api.atlassian.com/jsm/ops/integration", defaults().address())
	c := defaults()
	c.CloudID = cloudID
	assert.Equal(t, "https://api.atlassian.com/jsm/ops/api/"+cloudID+"/v1/alerts", c.address())
}

// ending sends the end of an alert to a site whose look-up answers so.
func ending(t *testing.T, status int, body string) (closed bool, err error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			closed = true
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	s, err := sinktest.Open(t, Kind, "{cloudID: c, email: e, apiToken: t, url: '"+server.URL+"'}")
	require.NoError(t, err)
	end, err := s.(sinks.Resolver).EncodeResolve("name", time.Unix(1, 0))
	require.NoError(t, err)
	err = s.Send(t.Context(), []sinks.Record{end})
	return closed, err
}

func TestTheEndAtASite(t *testing.T) {
	_, err := ending(t, http.StatusOK, `{"id": "a-1"}`)
	require.NoError(t, err)
	closed, err := ending(t, http.StatusNotFound, `{"errors": []}`)
	require.NoError(t, err, "somebody has closed it")
	assert.False(t, closed)
	_, err = ending(t, http.StatusForbidden, "")
	assert.True(t, sinks.IsStop(err))
	for status, body := range map[int]string{http.StatusOK: "{}", http.StatusBadGateway: "", http.StatusTooManyRequests: ""} {
		closed, err = ending(t, status, body)
		require.Error(t, err)
		assert.False(t, closed || sinks.IsStop(err) || sinks.IsPermanent(err), "%d: again later", status)
	}
}

func TestARecordIsOneAlert(t *testing.T) {
	s, err := sinktest.Open(t, Kind, "{cloudID: c, email: e, apiToken: t}")
	require.NoError(t, err)
	r, err := s.Encode(event.Sample())
	require.NoError(t, err)
	assert.True(t, sinks.IsPermanent(s.Send(t.Context(), []sinks.Record{r, r})))
	assert.True(t, sinks.IsPermanent(s.Send(t.Context(), []sinks.Record{{Body: []byte("junk")}})))
	assert.NoError(t, s.Send(t.Context(), nil))
}
