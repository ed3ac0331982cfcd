package opscenter

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// wire is CreateOpsItem as it is on the wire.
type wire struct {
	Title, Description, Source, Category, Severity string
	Priority                                       int32
	Notifications                                  []struct{ Arn string }
	OperationalData                                map[string]struct{ Type, Value string }
	RelatedOpsItems                                []struct {
		OpsItemID string `json:"OpsItemId"`
	}
	Tags []struct{ Key, Value string }
}

var protocol = sinktest.AWS{
	Read: func(t *testing.T, body []byte) []sinktest.Delivery {
		var w wire
		assert.NoError(t, json.Unmarshal(body, &w))
		i := item{
			Title: w.Title, Description: w.Description, Source: w.Source, Category: w.Category, Severity: w.Severity, Priority: w.Priority,
		}
		for _, n := range w.Notifications {
			i.Notifications = append(i.Notifications, n.Arn)
		}
		for _, r := range w.RelatedOpsItems {
			i.RelatedOpsItems = append(i.RelatedOpsItems, r.OpsItemID)
		}
		for _, tag := range w.Tags {
			put(&i.Tags, tag.Key, tag.Value)
		}
		var dedup struct{ DedupString string }
		for key, value := range w.OperationalData {
			assert.Equal(t, "SearchableString", value.Type)
			if key == "/aws/dedup" {
				assert.NoError(t, json.Unmarshal([]byte(value.Value), &dedup))
				assert.LessOrEqual(t, len(dedup.DedupString), 64)
				continue
			}
			put(&i.OperationalData, key, value.Value)
		}
		raw, err := json.Marshal(i)
		assert.NoError(t, err)
		return []sinktest.Delivery{{Key: dedup.DedupString, Body: raw}}
	},
	Malformed: "OpsItemInvalidParameterException", Throttled: "ThrottlingException",
}

const everything = `title: "{{ .Message }}"
category: "{{ .Reason }}"
description: "Event {{ .Reason }} for {{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}: {{ .Message }}"
notifications:
  - arn:aws:sns:us-east-1:123456789012:{{ .Namespace }}
operationalData:
  Reason: "{{ .Reason }}"
priority: "{{ if eq .Type \"Warning\" }}2{{ else }}4{{ end }}"
relatedOpsItems:
  - oi-123456789012
severity: "2"
source: "{{ .ReportingController }} Kubernetes"
tags:
  Namespace: "{{ .Namespace }}"
`

func destination(t *testing.T) sinktest.Destination {
	t.Helper()
	service := sinktest.NewAWSService(t, protocol)
	return sinktest.Destination{Kind: Kind, Service: service, Config: everything + sinktest.AWSAccess(service.URL)}
}

func harness() sinktest.Harness {
	return sinktest.Harness{
		Start: destination, Secrets: sinktest.AWSSecrets,
		NoPartial:         "a request is one OpsItem",
		NoByteLimit:       "texts are cut to what OpsCenter takes",
		NoRecordByteLimit: "texts are cut to what OpsCenter takes",
	}
}

func TestConformance(t *testing.T) { sinktest.Run(t, harness()) }

func TestFaults(t *testing.T) {
	d := destination(t)
	d.Service.Script(
		sinktest.Answer{Outcome: sinktest.Unavailable}, sinktest.Answer{Outcome: sinktest.ReplyLost},
		sinktest.Answer{Outcome: sinktest.Throttled}, sinktest.Answer{Outcome: sinktest.ReplyLost})
	stats := sinktest.Deliver(t, Kind, d.Config+"dedupString: '{{ .ResourceVersion }}'", sinktest.Kibibyte(20))
	assert.EqualValues(t, 20, stats.Delivered)
	keys := map[string]bool{}
	for _, got := range d.Service.Deliveries() {
		keys[got.Key] = true
	}
	assert.Len(t, keys, 20)
	assert.Len(t, d.Service.Deliveries(), 22, "two replies were lost")
}

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 1000, sinktest.RequestsPerThousand(t, destination(t)), "the API takes one at a time")
}

func encode(t *testing.T, config string, ev *event.Event) (item, error) {
	t.Helper()
	s, err := sinktest.Open(t, Kind, config)
	require.NoError(t, err)
	r, err := s.Encode(ev)
	var i item
	if err == nil {
		require.NoError(t, json.Unmarshal(r.Body, &i))
	}
	return i, err
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{title: ''}":                                 "title: is empty",
		"{source: AWS EKS}":                           "line 1, column 10: source: OpsCenter takes none that contains aws, amazon or amzn",
		"{operationalData: {/aws/dedup: x}}":          `line 1, column 32: operationalData: "/aws/dedup" is not a key that OpsCenter takes`,
		"{tags: {'a*': x}}":                           `line 1, column 15: tags: "a*" is not a key that AWS takes`,
		"{operationalData: {a: b}, tags: {aws:x: y}}": `line 1, column 41: tags: "aws:x" is not a key that AWS takes`,
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
	for _, config := range []string{
		"title: '{{ .Nope }}'", "priority: '{{ .Nope }}'", "notifications: ['{{ .Nope }}']", "operationalData: {a: '{{ .Nope }}'}",
		"tags: {a: '{{ .Nope }}'}", "dedupString: '{{ .Nope }}'",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.ErrorContains(t, err, "line 1, column", config)
	}
}

func TestRelatedOpsItemsAreTheUsers_DS26(t *testing.T) {
	s, err := sinktest.Open(t, Kind, "{relatedOpsItems: [oi-1, oi-2], operationalData: {a: x, b: y, c: z}}")
	require.NoError(t, err)
	r, err := s.Encode(event.Sample())
	require.NoError(t, err)
	input, err := request(r)
	require.NoError(t, err)
	require.Len(t, input.RelatedOpsItems, 2)
	assert.Equal(t, "oi-1", *input.RelatedOpsItems[0].OpsItemId)
	assert.Equal(t, "oi-2", *input.RelatedOpsItems[1].OpsItemId)
	assert.Len(t, input.OperationalData, 4)
	assert.JSONEq(t, `{"dedupString":"`+event.Sample().ID()+`"}`, *input.OperationalData["/aws/dedup"].Value)
}

// A repetition whose first reply was lost finds its own OpsItem.
func TestAnItemThatIsThereIsAccepted_DS26(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"OpsItemAlreadyExistsException","message":"there","OpsItemId":"oi-1"}`)
	}))
	t.Cleanup(server.Close)
	stats := sinktest.Deliver(t, Kind, sinktest.AWSAccess(server.URL), []*event.Event{event.Sample()})
	assert.EqualValues(t, 1, stats.Delivered)
}

func TestTextsAreAsOpsCenterTakesThem(t *testing.T) {
	ev := event.Sample()
	ev.Message = "  line 1\r\nline 2 \x00 " + strings.Repeat("ü", 3000)
	got, err := encode(t, "{title: '{{ .Message }}', category: '{{ .Message }}', tags: {t: '{{ .Message }}'}, operationalData: {d: '{{ .Message }}', empty: ' '}}", ev)
	require.NoError(t, err)
	assert.Equal(t, "line 1 line 2 "+strings.Repeat("ü", 1010), got.Title)
	assert.Len(t, []rune(got.Category), 64)
	assert.Len(t, []rune(got.Description), 2048)
	assert.Contains(t, got.Description, "line 1 \nline 2")
	assert.Len(t, []rune(got.Tags["t"]), 256)
	assert.NotContains(t, got.Tags["t"], "\n")
	assert.NotContains(t, got.OperationalData, "empty")
	assert.Equal(t, "Kubernetes", got.Source)

	for priority, want := range map[string]int32{"": 0, "1": 1, "5\n": 5} {
		got, err := encode(t, "priority: "+strconv.Quote(priority), ev)
		require.NoError(t, err)
		assert.Equal(t, want, got.Priority)
	}
	for config, want := range map[string]string{
		"priority: high":               `line 1, column 11: priority: want 1 to 5, got "high"`,
		"priority: 6":                  `line 1, column 11: priority: want 1 to 5, got "6"`,
		"title: '{{ .GenerateName }}'": "line 1, column 8: title: as rendered for this event it is empty",
		"description: ' '":             "line 1, column 14: description: as rendered for this event it is empty",
	} {
		_, err := encode(t, config, ev)
		assert.EqualError(t, err, want, config)
	}
	assert.Len(t, dedupString(strings.Repeat("x", 65), ""), 64)
	assert.Equal(t, "x", dedupString("x", "id"))
}
