package mattermost

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const hookKey = "h00k-key-0ddba115ca1ab1ec0f"

// server is Mattermost's incoming webhook.
func server(t *testing.T) *sinktest.HTTPService {
	t.Helper()
	service := sinktest.NewHTTPService(t, func(r *http.Request, body []byte) []sinktest.Delivery {
		assert.Equal(t, "/hooks/"+hookKey, r.URL.Path)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		var m message
		assert.NoError(t, json.Unmarshal(body, &m))
		return []sinktest.Delivery{{Key: m.Props.EventID, Body: body}}
	})
	service.Refuse(func(w http.ResponseWriter, a sinktest.Answer, _ []sinktest.Delivery) bool {
		if a.Outcome != sinktest.Forbidden {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"id":"web.incoming_webhook.invalid.app_error","message":"Invalid webhook `+hookKey+`","status_code":400}`)
		return true
	})
	return service
}

const everyKey = `channel: "#{{ .Namespace }}"
username: packetboat
iconURL: https://example.com/boat.png
iconEmoji: ship
message: "**{{ .Reason }}** {{ .Message }}"
title: "{{ .InvolvedObject.Kind }} {{ .InvolvedObject.Namespace }}/{{ .InvolvedObject.Name }}"
color: danger
author_name: "{{ .ClusterName }}"
footer: "{{ .ID }}"
fields: {Reason: "{{ .Reason }}", Count: "{{ .Count }}"}
`

func destination(t *testing.T, more string) sinktest.Destination {
	t.Helper()
	service := server(t)
	return sinktest.Destination{Kind: Kind, Service: service, Config: "webhookURL: " + service.URL + "/hooks/" + hookKey + "\n" + more}
}

func TestConformance(t *testing.T) {
	for name, config := range map[string]string{"message": "", "card": everyKey} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, sinktest.Harness{
				Golden: "testdata/" + name, Secrets: []string{hookKey},
				Start:              func(t *testing.T) sinktest.Destination { return destination(t, config) },
				NoDeduplicationKey: "the ID is in the message itself: see TestFaults",
				NoPartial:          "a request is one message",
				NoByteLimit:        "texts are cut to what Mattermost takes",
				NoRecordByteLimit:  "texts are cut to what Mattermost takes",
			})
		})
	}
}

func TestFaults(t *testing.T) {
	d := destination(t, "")
	d.Service.Script(
		sinktest.Answer{Outcome: sinktest.Unavailable}, sinktest.Answer{Outcome: sinktest.ReplyLost},
		sinktest.Answer{Outcome: sinktest.Throttled}, sinktest.Answer{Outcome: sinktest.ReplyLost})
	assert.EqualValues(t, 20, sinktest.Deliver(t, Kind, d.Config, sinktest.Kibibyte(20)).Delivered)
	seen := map[string]bool{}
	for _, got := range d.Service.Deliveries() {
		seen[got.Key] = true
	}
	assert.Len(t, seen, 20)
	assert.Len(t, d.Service.Deliveries(), 22, "two replies were lost")
}

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 1000, sinktest.RequestsPerThousand(t, destination(t, "")), "a message for each: a digest is for fewer")
}

func encode(t *testing.T, config string, ev *event.Event) (message, error) {
	t.Helper()
	config = "webhookURL: http://h\n" + config
	if rest, flow := strings.CutPrefix(config, "webhookURL: http://h\n{"); flow {
		config = "{webhookURL: http://h, " + rest
	}
	s, err := sinktest.Open(t, Kind, config)
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
		"{}":                               "webhookURL: is missing",
		"{webhookURL: h}":                  "webhookURL: want a URL that begins with http:// or https://",
		"{webhookURL: http://h, proxy: x}": "proxy: not a URL",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
	for _, key := range []string{"channel", "message", "color", "footer", "title", "author_name"} {
		_, err := sinktest.Open(t, Kind, "webhookURL: http://h\n"+key+": '{{ .Nope }}'")
		assert.ErrorContains(t, err, key+": line 2", key)
	}
}

func TestTheCard(t *testing.T) {
	m, err := encode(t, "{message: hello, color: '#ff0000'}", event.Sample())
	require.NoError(t, err)
	assert.Equal(t, []attachment{{Fallback: "hello", Color: "#ff0000", Text: "hello"}}, m.Attachments)
	m, err = encode(t, "{message: hello, title: t, color: blue}", event.Sample())
	require.NoError(t, err)
	assert.Equal(t, []attachment{{Title: "t"}}, m.Attachments)
	assert.Equal(t, "hello", m.Text)
	_, err = encode(t, "message: '{{ .InvolvedObject.Labels.none }}'", event.Sample())
	assert.EqualError(t, err, "line 2, column 10: message: as rendered for this event it is empty")
}

func TestChannelWithoutALabel(t *testing.T) {
	for channel, want := range map[string]string{
		"#{{ .InvolvedObject.Labels.app }}":  "#sample",
		"@{{ .InvolvedObject.Labels.none }}": "rest",
		"{{ .InvolvedObject.Labels.none }}":  "rest",
		"#<no value>":                        "rest",
	} {
		m, err := encode(t, "{fallbackChannel: rest, channel: '"+channel+"'}", event.Sample())
		require.NoError(t, err)
		assert.Equal(t, want, m.Channel, channel)
	}
	m, err := encode(t, "channel: '@{{ .InvolvedObject.Labels.none }}'", event.Sample())
	require.NoError(t, err)
	assert.Empty(t, m.Channel, "the webhook's own")
}

func TestHostileText(t *testing.T) {
	for name, attack := range map[string]struct{ text, never string }{
		"a mention of all":           {"@all (@channel) @here", "@a@c@h"},
		"a mention in Slack's words": {"<!channel> <5fb5f7iw8tfrfcwssd1xmx3j7y>", "<"},
		"a link with another text":   {"[https://good.example](https://evil.example)", "\n["},
		"Slack's link":               {"<https://evil.example|good>", "<https"},
		"an address":                 {"https://evil.example www.evil.example", "://"},
		"the end of a code block":    {"``` x", "```"},
		"a heading":                  {"# x", "\n# "},
		"bold":                       {"**x**", "**"},
		"a table":                    {"|a|b|", "a|b"},
		"from right to left":         {"a\u202egnp.exe", "\u202e"},
		"of no width":                {"a\u200bb", "\u200b"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range texts(t, attack.text) {
				if attack.never == "@a@c@h" {
					for _, never := range []string{"@all", "@channel", "@here"} {
						assert.NotContains(t, text, never)
					}
					continue
				}
				assert.NotContains(t, "\n"+text, attack.never)
			}
		})
	}
	m, err := encode(t, "message: '@jim [wiki](https://wiki/{{ .Namespace }}): {{ .Message }}'", event.Sample())
	require.NoError(t, err)
	assert.Equal(t, "@jim [wiki](https://wiki/default): Back-off restarting failed container", m.Text, "the user's own markup works")
}

// texts are those of what Mattermost is sent about a message, where it reads Markdown.
func texts(t *testing.T, text string) []string {
	t.Helper()
	ev := event.Sample()
	ev.Message = text
	m, err := encode(t, "{message: '{{ .Message }}', title: '{{ .Message }}', fields: {f: '{{ .Message }}'}}", ev)
	require.NoError(t, err)
	a := card(&sinks.Digest{Newest: ev, Groups: []sinks.Group{{
		By: []sinks.GroupField{{Value: text}}, Newest: ev,
	}}})
	return []string{m.Text, m.Attachments[0].Title, m.Attachments[0].Fields[0].Value, a.Title, a.Fallback, a.Text}
}

func TestNothingIsTooLong(t *testing.T) {
	limits := []int{maxText, maxTitle, maxField, 2*maxTitle + 1, 2*maxTitle + 1, maxDigest}
	for i, text := range texts(t, strings.Repeat("ü*", 40_000)) {
		assert.LessOrEqual(t, utf8.RuneCountInString(text), limits[i], i)
	}
}

func TestWhatMattermostAnswers(t *testing.T) {
	for _, tc := range []struct {
		status          int
		id, channel     string
		stop, permanent bool
	}{
		{400, "web.incoming_webhook.invalid.app_error", "", true, false},
		{501, "web.incoming_webhook.disabled.app_error", "", true, false},
		{404, "web.incoming_webhook.channel.app_error", "x", true, false},
		{500, "web.incoming_webhook.channel.app_error", "x", true, false},
		{404, "web.incoming_webhook.channel.app_error", "{{ .Namespace }}", false, true},
		{400, "web.incoming_webhook.user.app_error", "@{{ .Namespace }}", false, true},
		{403, "web.incoming_webhook.permissions.app_error", "{{ .Namespace }}", false, true},
		{403, "web.incoming_webhook.channel_locked.app_error", "{{ .Namespace }}", true, false},
		{400, "web.incoming_webhook.parse.app_error", "", false, true},
		{500, "app.channel.get.find.app_error", "", false, false},
	} {
		answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tc.status)
			_, _ = io.WriteString(w, `{"id":"`+tc.id+`"}`)
		}))
		t.Cleanup(answers.Close)
		s, err := sinktest.Open(t, Kind, "{webhookURL: '"+answers.URL+"', channel: '"+tc.channel+"'}")
		require.NoError(t, err)
		r, err := s.Encode(event.Sample())
		require.NoError(t, err)
		err = s.Send(t.Context(), []sinks.Record{r})
		require.ErrorContains(t, err, tc.id)
		assert.Equal(t, []bool{tc.stop, tc.permanent}, []bool{sinks.IsStop(err), sinks.IsPermanent(err)}, "%+v", tc)
	}
}
