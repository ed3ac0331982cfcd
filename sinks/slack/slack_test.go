package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const (
	token   = "xoxb-t0ken-5ca1ab1e"
	hookKey = "h00k-key-0ddba11"
)

// wire is a message as Slack gets it, in the order of message.
type wire struct {
	Channel     string          `json:"channel,omitempty"`
	Text        string          `json:"text,omitempty"`
	Attachments json.RawMessage `json:"attachments,omitempty"`
	Blocks      json.RawMessage `json:"blocks,omitempty"`
}

// api is chat.postMessage: it refuses with status 200.
func api(t *testing.T) *sinktest.HTTPService {
	t.Helper()
	service := sinktest.NewHTTPService(t, func(r *http.Request, body []byte) []sinktest.Delivery {
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		assert.NoError(t, r.ParseForm())
		assert.Equal(t, "/api/chat.postMessage", r.URL.Path)
		assert.Equal(t, token, r.PostForm.Get("token"))
		var metadata struct {
			Payload struct{ ID string } `json:"event_payload"`
		}
		assert.NoError(t, json.Unmarshal([]byte(r.PostForm.Get("metadata")), &metadata))
		return delivered(t, metadata.Payload.ID, wire{
			Channel: r.PostForm.Get("channel"), Text: r.PostForm.Get("text"),
			Attachments: json.RawMessage(r.PostForm.Get("attachments")), Blocks: json.RawMessage(r.PostForm.Get("blocks")),
		})
	})
	service.Refuse(func(w http.ResponseWriter, a sinktest.Answer, _ []sinktest.Delivery) bool {
		answer := map[sinktest.Outcome]string{
			sinktest.Accepted:  `{"ok":true,"channel":"C1","ts":"1.2","message":{"text":"as posted"}}`,
			sinktest.Malformed: `{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] what of ` + token + `"]}}`,
			sinktest.Forbidden: `{"ok":false,"error":"invalid_auth"}`,
		}[a.Outcome]
		if answer != "" {
			_, _ = io.WriteString(w, answer)
		}
		return answer != ""
	})
	return service
}

func delivered(t *testing.T, key string, m wire) []sinktest.Delivery {
	t.Helper()
	body, err := json.Marshal(m)
	assert.NoError(t, err)
	return []sinktest.Delivery{{Key: key, Body: body}}
}

// webhook is an incoming webhook: it refuses by status.
func webhook(t *testing.T) *sinktest.HTTPService {
	t.Helper()
	service := sinktest.NewHTTPService(t, func(r *http.Request, body []byte) []sinktest.Delivery {
		assert.Equal(t, "/services/T0/"+hookKey, r.URL.Path)
		var m wire
		assert.NoError(t, json.Unmarshal(body, &m))
		return delivered(t, "", m)
	})
	service.Refuse(func(w http.ResponseWriter, a sinktest.Answer, _ []sinktest.Delivery) bool {
		if a.Outcome == sinktest.Accepted {
			_, _ = io.WriteString(w, "ok") // with 200
		}
		return a.Outcome == sinktest.Accepted
	})
	return service
}

const card = `message: "*{{ .Reason }}* {{ .Message }}"
title: "{{ .InvolvedObject.Kind }} {{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}"
color: "{{ if eq .Type \"Warning\" }}danger{{ else }}good{{ end }}"
author_name: "{{ .ClusterName }}"
footer: "{{ .ID }}"
fields: {Reason: "{{ .Reason }}", Count: "{{ .Count }}"}
`

const blocks = `blocks:
  - {type: header, text: {type: plain_text, text: "{{ .Reason }}"}}
  - {type: section, text: {type: mrkdwn, text: "{{ .Message }}", verbatim: true}}
`

func bot(t *testing.T, more string) sinktest.Destination {
	t.Helper()
	service := api(t)
	return sinktest.Destination{
		Kind: Kind, Service: service, Config: "token: " + token + "\napiURL: " + service.URL + "/api\nchannel: '#alerts'\n" + more,
	}
}

func hook(t *testing.T, more string) sinktest.Destination {
	t.Helper()
	service := webhook(t)
	return sinktest.Destination{Kind: Kind, Service: service, Config: "webhookURL: " + service.URL + "/services/T0/" + hookKey + "\n" + more}
}

func harnesses() map[string]sinktest.Harness {
	harness := func(name string, start func(*testing.T) sinktest.Destination, secret string) sinktest.Harness {
		return sinktest.Harness{
			Golden: "testdata/" + name, Secrets: []string{secret}, Start: start,
			NoPartial:         "a request is one message",
			NoByteLimit:       "texts are cut to what Slack takes",
			NoRecordByteLimit: "texts are cut to what Slack takes",
		}
	}
	all := map[string]sinktest.Harness{
		"message": harness("message", func(t *testing.T) sinktest.Destination { return bot(t, "") }, token),
		"card":    harness("card", func(t *testing.T) sinktest.Destination { return bot(t, card) }, token),
		"blocks":  harness("blocks", func(t *testing.T) sinktest.Destination { return bot(t, blocks) }, token),
		"webhook": harness("webhook", func(t *testing.T) sinktest.Destination { return hook(t, card) }, hookKey),
	}
	byHook := all["webhook"]
	byHook.NoDeduplicationKey = "an incoming webhook has no place for it beside the message"
	all["webhook"] = byHook
	return all
}

func TestConformance(t *testing.T) {
	for name, h := range harnesses() {
		t.Run(name, func(t *testing.T) { sinktest.Run(t, h) })
	}
}

func TestFaults(t *testing.T) {
	for name, start := range map[string]func(*testing.T) sinktest.Destination{
		"bot":     func(t *testing.T) sinktest.Destination { return bot(t, "message: '{{ .ResourceVersion }}'") },
		"webhook": func(t *testing.T) sinktest.Destination { return hook(t, "message: '{{ .ResourceVersion }}'") },
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t)
			d.Service.Script(
				sinktest.Answer{Outcome: sinktest.Unavailable}, sinktest.Answer{Outcome: sinktest.ReplyLost},
				sinktest.Answer{Outcome: sinktest.Throttled}, sinktest.Answer{Outcome: sinktest.ReplyLost})
			stats := sinktest.Deliver(t, Kind, d.Config, sinktest.Kibibyte(20))
			assert.EqualValues(t, 20, stats.Delivered)
			seen := map[string]string{}
			for _, got := range d.Service.Deliveries() {
				seen[string(got.Body)] = got.Key
			}
			assert.Len(t, seen, 20)
			assert.Len(t, d.Service.Deliveries(), 22, "two replies were lost")
		})
	}
}

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 1000, sinktest.RequestsPerThousand(t, bot(t, "")), "a message for each: a digest is for fewer")
}

func encode(t *testing.T, config string, ev *event.Event) (message, error) {
	t.Helper()
	s, err := sinktest.Open(t, Kind, "token: x\n"+config)
	require.NoError(t, err, config)
	r, err := s.Encode(ev)
	var m message
	if err == nil {
		require.NoError(t, json.Unmarshal(r.Body, &m))
		assert.Equal(t, m.Channel, r.Key)
	}
	return m, err
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                                                   "token: is missing, or webhookURL in its place",
		"{token: a, webhookURL: http://b}":                     "webhookURL: cannot be set beside token",
		"{token: a}":                                           "channel: is missing",
		"{token: a, channel: c, thread: owner}":                `thread: want object, got "owner"`,
		"{webhookURL: http://h, thread: object}":               "thread: a webhook does not say where its message is: use token",
		"{webhookURL: hooks.slack.com}":                        "webhookURL: want a URL that begins with http:// or https://",
		"{token: a, channel: c, apiURL: slack.com}":            "apiURL: want a URL that begins with http:// or https://",
		"{token: a, channel: c, blocks: {type: section}}":      "line 1, column 32: blocks: want a list",
		"{token: a, channel: c, timeout: -1s}":                 "timeout: -1s is negative",
		"{token: a, channel: c, tls: {caFile: /not/there}}":    "tls: caFile: open /not/there: no such file or directory",
		"{token: a, fallbackChannel: c, thread: object, x: 1}": "",
	} {
		_, err := sinktest.Open(t, Kind, config)
		if want == "" {
			assert.NoError(t, err, config)
			continue
		}
		assert.EqualError(t, err, want, config)
	}
	for _, config := range []string{
		"channel: '{{ .Nope }}'", "channel: c\nmessage: '{{ .Nope }}'", "channel: c\nfields: {a: '{{ .Nope }}'}",
		"channel: c\nblocks: [{text: '{{ .Nope }}'}]", "channel: c\ncolor: '{{ .Nope }}'",
	} {
		_, err := sinktest.Open(t, Kind, "token: x\n"+config)
		assert.ErrorContains(t, err, "line ", config)
	}
}
