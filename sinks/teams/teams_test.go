package teams

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const (
	signature   = "s1gnature-0ddba11-5ca1ab1e"
	headerToken = "header-t0ken-f00dcafe"
)

// harness is for an endpoint that speaks as Microsoft documents it. None of its
// services runs here.
func harness(f format, more string) sinktest.Harness {
	return sinktest.Harness{
		Golden:  "testdata/" + string(f),
		Secrets: []string{signature, headerToken},
		Start: func(t *testing.T) sinktest.Destination {
			service := sinktest.NewHTTPService(t, reader(t))
			service.Limit(sinks.Limits{RecordBytes: 28 << 10})
			if f == connector {
				service.Refuse(connectorAnswer)
			}
			return sinktest.Destination{Kind: Kind, Service: service, Config: fmt.Sprintf(
				"endpoint: %s/workflows/1?sig=%s\nformat: %s\nheaders: {X-Token: %s}\n%s", service.URL, signature, f, headerToken, more)}
		},
		NoPartial:         "a request is one message",
		NoByteLimit:       "a request is one message",
		NoRecordByteLimit: "the event's message is cut until it fits, so nothing larger is ever encoded",
	}
}

func reader(t *testing.T) func(r *http.Request, body []byte) []sinktest.Delivery {
	return func(r *http.Request, body []byte) []sinktest.Delivery {
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, "application/json; charset=utf-8", r.Header.Get("Content-Type"))
		assert.True(t, json.Valid(body))
		return []sinktest.Delivery{{Key: r.Header.Get(trackingID), Body: body}}
	}
}

// connectorAnswer is always a 200; what Teams said stands in its text.
func connectorAnswer(w http.ResponseWriter, a sinktest.Answer, _ []sinktest.Delivery) bool {
	status := map[sinktest.Outcome]int{
		sinktest.Unavailable: 503, sinktest.Throttled: 429, sinktest.Malformed: 413, sinktest.Forbidden: 403,
	}[a.Outcome]
	switch {
	case a.Outcome == sinktest.Accepted:
		_, _ = w.Write([]byte("1"))
	case status != 0:
		if a.After > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(a.After.Seconds()))
		}
		_, _ = fmt.Fprintf(w, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error %d "+
			"with ContextId tcid=0,server=x,cv=y,url=%s,%s", status, signature, headerToken)
	default:
		return false
	}
	return true
}

func TestConformance(t *testing.T) {
	t.Run("workflows", func(t *testing.T) { sinktest.Run(t, harness(workflows, "")) })
	t.Run("connector", func(t *testing.T) { sinktest.Run(t, harness(connector, "")) })
}

func TestConformanceOfLayouts(t *testing.T) {
	h := harness(workflows, "layout: {what: '{{ .Message }}', team: '{{ .InvolvedObject.Labels.team }}', rule: '[runbook](https://example.com)', n: !json '{{ .Count }}'}")
	h.Golden = "testdata/layout"
	sinktest.Run(t, h)
	h = harness(workflows, "deDot: true\ncard:\n  type: AdaptiveCard\n  version: '1.2'\n  body: [{type: TextBlock, wrap: true, text: '**{{ .Reason }}** {{ .Message }}'}]\n")
	h.Golden = "testdata/card"
	sinktest.Run(t, h)
}

func TestFaults(t *testing.T) {
	for _, f := range []format{workflows, connector} {
		d := harness(f, "").Start(t)
		for _, o := range []sinktest.Outcome{sinktest.Unavailable, sinktest.Throttled, sinktest.ReplyLost, sinktest.Unavailable} {
			d.Service.Script(sinktest.Answer{Outcome: o})
		}
		stats := sinktest.Deliver(t, d.Kind, d.Config, sinktest.Kibibyte(20))
		assert.EqualValues(t, 20, stats.Delivered)
		got := d.Service.Deliveries()
		require.Len(t, got, 21, "the one whose answer was lost comes twice")
		assert.Equal(t, got[0], got[1], "and can be told by its ID")
		keys := map[string]bool{}
		for _, delivery := range got {
			keys[delivery.Key] = true
		}
		assert.Len(t, keys, 20, "nothing is missing")
	}
}

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 1000, sinktest.RequestsPerThousand(t, harness(workflows, "").Start(t)))
}

func encode(t *testing.T, config string, ev *event.Event) string {
	t.Helper()
	r, err := sinktest.MustOpen(t, Kind, config).Encode(ev)
	require.NoError(t, err)
	return string(r.Body)
}

// answering sends an event to an endpoint that answers so.
func answering(t *testing.T, config string, status int, body string) error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	s := sinktest.MustOpen(t, Kind, "endpoint: "+server.URL+"\n"+config)
	r, err := s.Encode(event.Sample())
	require.NoError(t, err)
	return s.Send(t.Context(), []sinks.Record{r})
}

func TestANetworkErrorIsAnError_DS5(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	s := sinktest.MustOpen(t, Kind, "endpoint: "+server.URL)
	r, err := s.Encode(event.Sample())
	require.NoError(t, err)
	err = s.Send(t.Context(), []sinks.Record{r})
	require.Error(t, err)
	assert.False(t, sinks.IsPermanent(err) || sinks.IsStop(err))
}

func TestALayoutIsShownWhole_DS6(t *testing.T) {
	const config = "endpoint: https://x.webhook.office.com/h\nlayout: {message: 'm {{ .Reason }}', metadata: {b: 1, a: [x, y]}, team: shop}"
	assert.JSONEq(t, `{"summary":"event","text":"Event: m BackOff \nMetadata: a: x, y, b: 1 \nteam: shop"}`, encode(t, config, event.Sample()))
	ev := event.Sample()
	ev.Message, ev.Reason = "it failed", "Failed"
	text := encode(t, "endpoint: https://x.webhook.office.com/h", ev)
	assert.Contains(t, text, `"text":"Event: it failed \nStatus: Failed \nMetadata: `)
	assert.NotContains(t, text, "map[")
	assert.Contains(t, text, ", name: sample")
	assert.JSONEq(t, `{"summary":"event","text":"only text"}`, encode(t, "endpoint: https://x.webhook.office.com/h\nlayout: only text", ev))
}

func TestEverySuccessIsOne_DS7(t *testing.T) {
	for _, f := range []format{workflows, connector} {
		for _, status := range []int{200, 202, 204} {
			assert.NoError(t, answering(t, "format: "+string(f), status, map[bool]string{true: "1"}[status == 200]), "%s %d", f, status)
		}
	}
}

func TestHeadersAreTemplatesAndTheTransportIsItsOwn_DS8_DS1(t *testing.T) {
	seen := make(chan http.Header, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	s := sinktest.MustOpen(t, Kind, "endpoint: "+server.URL+"\ntls: {insecureSkipVerify: true}\nheaders: {X-Reason: '{{ .Reason }}', x-ms-client-tracking-id: mine}")
	ev := event.Sample()
	ev.Reason = "a\r\nX-Injected: yes"
	r, err := s.Encode(ev)
	require.NoError(t, err)
	require.NoError(t, s.Send(t.Context(), []sinks.Record{r}))
	got := <-seen
	assert.Equal(t, "aX-Injected: yes", got.Get("X-Reason"))
	assert.Equal(t, []string{"mine"}, got.Values(trackingID))
	assert.Nil(t, http.DefaultClient.Transport)
}

func TestWhatAConnectorHidesInA200(t *testing.T) {
	const text = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error %d with ContextId x.."
	for status, want := range map[int]string{429: "later", 500: "later", 503: "later", 413: "never", 400: "never", 403: "stop", 404: "stop"} {
		assert.Equal(t, want, verdict(answering(t, "format: connector", 200, fmt.Sprintf(text, status))), status)
	}
	assert.Equal(t, "later", verdict(answering(t, "format: connector", 200, "System.Net.Http.HttpRequestException: Error while copying")))
	for _, said := range []string{"1", "", "ok", `{"status":"sent"}`} {
		assert.Equal(t, "taken", verdict(answering(t, "format: connector", 200, said)), said)
	}
}

// A 400 of a workflow may be about all messages.
func TestAWorkflowThatIsOffStops(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"Could not execute"}}`: "stop",
		`{"error":{"code":"TriggerInputSchemaMismatch","message":"bad"}}`:                "never",
		`no JSON`: "never",
	} {
		assert.Equal(t, want, verdict(answering(t, "format: workflows", 400, body)), body)
	}
}

func verdict(err error) string {
	switch {
	case err == nil:
		return "taken"
	case sinks.IsStop(err):
		return "stop"
	case sinks.IsPermanent(err):
		return "never"
	}
	return "later"
}

func TestTheFormatIsThatOfTheEndpoint(t *testing.T) {
	for endpoint, want := range map[string]format{
		"https://contoso.webhook.office.com/webhookb2/x":                            connector,
		"https://outlook.office.com/webhook/x":                                      connector,
		"https://prod-1.westeurope.logic.azure.com:443/workflows/x":                 workflows,
		"https://default0.00.environment.api.powerplatform.com:443/powerautomate/x": workflows,
		"https://PROD.LOGIC.AZURE.COM/x":                                            workflows,
		"https://default0.00.environment.api.gov.powerplatform.microsoft.us/x":      workflows,
		"https://evillogic.azure.com/logic.azure.com":                               connector,
		"http://prom2teams.monitoring/v2/x":                                         connector,
	} {
		var c Config
		require.NoError(t, yaml.Unmarshal([]byte("{format: auto, endpoint: '"+endpoint+"'}"), &c))
		assert.Equal(t, want, c.format(), endpoint)
	}
}

func TestConfigErrors(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                               "endpoint: is missing",
		"endpoint: teams":                  "endpoint: want a URL that begins with http:// or https://",
		"endpoint: http://h\nformat: card": `format: want auto, workflows or connector, got "card"`,
		"endpoint: http://h\nheaders: {'a b': c}":                                      `line 2, column 18: headers: "a b" is not a header name`,
		"endpoint: http://h\nheaders: {a: b, A: c}":                                    "line 2, column 14: headers: A and a are the same header",
		"endpoint: http://h\ncard: {type: AdaptiveCard}":                               "line 2, column 7: card: a connector takes no cards; with an endpoint of a workflow, set format: workflows",
		"endpoint: http://h\nformat: workflows\ncard: {type: x}":                       "card: want a mapping with type: AdaptiveCard",
		"endpoint: http://h\nformat: workflows\nlayout: a\ncard: {type: AdaptiveCard}": "line 4, column 7: card: cannot be set beside layout",
		"endpoint: http://h\nlayout: '{{ .reason }}'":                                  "line 2, column 13: template: field .reason does not exist: did you mean .Reason?",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
}

// What the user wrote is the user's.
func TestTheUsersOwnMarkupWorks(t *testing.T) {
	ev := event.Sample()
	ev.Reason = "*x*"
	body := encode(t, "endpoint: http://h\nformat: workflows\nlayout: {see: '[**{{ .Reason }}**](https://example.com/{{ .Namespace }})'}", ev)
	assert.Contains(t, body, `[**\\*x\\***](https://example.com/default)`)
	body = encode(t, "endpoint: http://h\nlayout: {message: '[run](https://example.com) <b>{{ .Reason }}</b>'}", ev)
	var m struct{ Text string }
	require.NoError(t, json.Unmarshal([]byte(body), &m))
	assert.Equal(t, `Event: [run](https://example.com) <b>\*x\*</b>`, m.Text)
}

func TestTheMessageIsCutNotTheRest(t *testing.T) {
	ev := event.Sample()
	for _, size := range []int{10_000, 27_000, 28_000, 40_000, 1_500_000} {
		ev.Message = strings.Repeat("<", size) // six bytes each
		body := encode(t, "endpoint: http://h\nformat: workflows\nlayout: {a: '{{ .Message }}', z: the end}", ev)
		assert.LessOrEqual(t, len(body), maxBytes)
		assert.Greater(t, len(body), maxBytes*3/4)
		assert.Contains(t, body, "…")
		assert.Contains(t, body, "the end")
	}
	ev.InvolvedObject.Labels = map[string]string{"a": strings.Repeat("x", 30_000)}
	_, err := sinktest.MustOpen(t, Kind, "endpoint: http://h\nlayout: {a: '{{ .InvolvedObject.Labels.a }}'}").Encode(ev)
	assert.ErrorContains(t, err, "and Teams takes 28000")
}

func TestAHeaderThatCannotBeRenderedIsADeadLetter(t *testing.T) {
	s := sinktest.MustOpen(t, Kind, "endpoint: http://h\nheaders: {X-N: '{{ .Series.Count }}'}")
	ev := event.Sample()
	ev.Series = nil
	_, err := s.Encode(ev)
	assert.ErrorContains(t, err, "headers: X-N")
}
