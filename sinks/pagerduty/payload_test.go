package pagerduty

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	api "github.com/PagerDuty/go-pagerduty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/alert"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func encode(t *testing.T, config string, ev *event.Event) (e api.V2Event, r sinks.Record) {
	t.Helper()
	s, err := sinktest.Open(t, Kind, config+"\nrouting_key: k")
	require.NoError(t, err)
	r, err = s.Encode(ev)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(r.Body, &e))
	return e, r
}

func TestTheRoutingKeyIsInNoRecord(t *testing.T) {
	_, r := encode(t, "", event.Sample())
	assert.Contains(t, string(r.Body), `"routing_key":""`)
}

func TestSeverity(t *testing.T) {
	const byLabel = `severity: '{{ index .InvolvedObject.Labels "severity" }}'`
	for label, want := range map[string]string{"critical": "critical", "\u200berror": "error", "": "warning", "high": "warning", "<no value>": "warning"} {
		ev := event.Sample()
		ev.InvolvedObject.Labels = map[string]string{"severity": label}
		e, _ := encode(t, byLabel, ev)
		assert.Equal(t, want, e.Payload.Severity, label)
	}
	mild := event.Sample()
	mild.Type = "Normal"
	e, _ := encode(t, "", mild)
	assert.Equal(t, "info", e.Payload.Severity)
}

func TestTheDedupKey(t *testing.T) {
	e, r := encode(t, "", event.Sample())
	assert.Equal(t, alert.Name(event.Sample()), e.DedupKey)
	assert.Equal(t, e.DedupKey, r.Alert)
	e, _ = encode(t, `dedup_key: '{{ .InvolvedObject.Labels.app }}'`, event.Sample())
	assert.Equal(t, "sample", e.DedupKey)
	e, _ = encode(t, `dedup_key: '{{ .InvolvedObject.Labels.none }}'`, event.Sample())
	assert.Equal(t, alert.Name(event.Sample()), e.DedupKey)
}

// A page that people click on is of the web or it is left out.
func TestLinksOfAnEvent(t *testing.T) {
	for address, kept := range map[string]bool{
		"https://ok.example/x": true, "javascript:alert(1)": false, "data:text/html,x": false, "//evil.example": false, "": false,
		"https://long.example/" + strings.Repeat("x", 3000): false,
	} {
		ev := event.Sample()
		ev.InvolvedObject.Annotations = map[string]string{"runbook": address}
		e, _ := encode(t, `links: [{href: '{{ index .InvolvedObject.Annotations "runbook" }}'}, {href: https://mine.example, text: mine}]
client_url: '{{ index .InvolvedObject.Annotations "runbook" }}'`, ev)
		want := 1
		if kept {
			want = 2
		}
		assert.Len(t, e.Links, want, address)
		assert.Equal(t, kept, e.ClientURL != "", address)
	}
}

// PagerDuty shows text as text, so markup and mentions arrive as they are: as text.
func TestHostileText(t *testing.T) {
	ev := event.Sample()
	ev.Message = "pay\u202Efdp.exe a\u200Bd\u2060min \x1b[2J\x00 <@U1> [x](https://evil.example) <script>\r\ntwo " + strings.Repeat("世", 40_000)
	e, _ := encode(t, everything, ev)
	assert.NotRegexp(t, "[\u202a-\u202e\u200b\u2060\x1b\x00\r\n]", e.Payload.Summary)
	assert.Contains(t, e.Payload.Summary, "payfdp.exe admin [2J <@U1> [x](https://evil.example) <script> two")
	assert.Len(t, []rune(e.Payload.Summary), 1024)
	assert.True(t, strings.HasSuffix(e.Payload.Summary, "…"))
	details, ok := e.Payload.Details.(map[string]any)
	require.True(t, ok)
	assert.Equal(t, ev.ID(), details["eventID"])
}

// Whatever is in it, an event is less than the 512 KB that the API takes.
func TestTheLargestEvent(t *testing.T) {
	worst := event.Sample()
	worst.Message = strings.Repeat("<", 1<<20)
	href := "https://x.example/" + strings.Repeat("&", 2000)
	config := "client: '{{ .Message }}'\nclient_url: '" + href + "'\nsource: '{{ .Message }}'\ncomponent: '{{ .Message }}'\n" +
		"group: '{{ .Message }}'\nclass: '{{ .Message }}'\ndedup_key: '{{ .Message | trunc 255 }}'\ncustom_details: {a: '{{ .Message }}', b: '{{ .Message }}'}\n" +
		"links: [" + strings.Repeat("{href: '"+href+"', text: '{{ .Message }}'},", 10) + "]"
	_, r := encode(t, config, worst)
	assert.Less(t, len(r.Body), 512_000)
	assert.Greater(t, len(r.Body), 300_000, "or this test sees nothing")
	s, err := sinktest.Open(t, Kind, config+"\nrouting_key: k")
	require.NoError(t, err)
	group := sinktest.Digests()[0].Digest
	group.Newest, group.Groups[0].Newest = worst, worst
	r, err = s.(sinks.Digester).EncodeDigest(group)
	require.NoError(t, err)
	assert.Less(t, len(r.Body), 512_000)
}

func TestATimeThatIsNotKnownIsLeftOut(t *testing.T) {
	e, _ := encode(t, "", &event.Event{})
	assert.Empty(t, e.Payload.Timestamp)
	e, _ = encode(t, "", event.Sample())
	at, err := time.Parse(time.RFC3339Nano, e.Payload.Timestamp)
	require.NoError(t, err)
	assert.Equal(t, event.Sample().Time(), at.UTC())
}
