package discord

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const hookKey = "h00k-key-0ddba115ca1ab1e"

// channel is Discord's webhook. It refuses what breaks the documented limits.
func channel(t *testing.T) *sinktest.HTTPService {
	t.Helper()
	service := sinktest.NewHTTPService(t, func(r *http.Request, body []byte) (got []sinktest.Delivery) {
		assert.Equal(t, "/api/webhooks/1/"+hookKey, r.URL.Path)
		assert.Equal(t, "true", r.URL.Query().Get("wait"))
		var m message
		assert.NoError(t, json.Unmarshal(body, &m))
		assert.Equal(t, &mentions{[]string{}}, m.AllowedMentions, "nothing notifies anybody")
		assertTaken(t, m)
		for _, card := range m.Embeds {
			one, err := json.Marshal(message{Content: m.Content, Embeds: []json.RawMessage{card}})
			assert.NoError(t, err)
			got = append(got, sinktest.Delivery{Body: one})
		}
		return got
	})
	service.Refuse(func(w http.ResponseWriter, a sinktest.Answer, _ []sinktest.Delivery) bool {
		if a.Outcome == sinktest.Accepted {
			_, _ = io.WriteString(w, `{"id":"1"}`) // with 200, as wait asks for
		}
		return a.Outcome == sinktest.Accepted
	})
	return service
}

// assertTaken wants a message to be within Discord's limits.
func assertTaken(t *testing.T, m message) {
	t.Helper()
	count := func(text string, limit int) int {
		n := len([]rune(text))
		assert.LessOrEqual(t, n, limit)
		return n
	}
	count(m.Content, maxContent)
	assert.LessOrEqual(t, len(m.Embeds), maxEmbeds)
	sum := 0
	for _, raw := range m.Embeds {
		var e embed
		assert.NoError(t, json.Unmarshal(raw, &e))
		sum += count(e.Title, maxTitle) + count(e.Description, maxDescription)
		assert.LessOrEqual(t, len(e.Fields), maxFields)
		for _, f := range e.Fields {
			sum += count(f.Name, maxName) + count(f.Value, maxValue)
			assert.NotEmpty(t, f.Name)
			assert.NotEmpty(t, f.Value)
		}
		if e.Footer != nil {
			sum += count(e.Footer.Text, maxFooter)
		}
		if e.Author != nil {
			sum += count(e.Author.Name, maxName)
		}
	}
	assert.LessOrEqual(t, sum, maxCharacters)
}

const everyKey = `threadID: "42"
username: packetboat
avatarURL: https://example.com/boat.png
message: "**{{ .Reason }}**"
title: "{{ .InvolvedObject.Kind }} {{ .InvolvedObject.Name }}"
text: "{{ .Message }}"
color: danger
author_name: "{{ .ClusterName }}"
footer: "{{ .ID }}"
fields: {Reason: "{{ .Reason }}", Count: "{{ .Count }}"}
`

func destination(t *testing.T, more string) sinktest.Destination {
	t.Helper()
	service := channel(t)
	return sinktest.Destination{Kind: Kind, Service: service, Config: "webhookURL: " + service.URL + "/api/webhooks/1/" + hookKey + "\n" + more}
}

func TestConformance(t *testing.T) {
	cards := sinktest.Harness{
		Golden: "testdata/cards", Secrets: []string{hookKey},
		Start:              func(t *testing.T) sinktest.Destination { return destination(t, "") },
		NoPartial:          "Discord takes or refuses a message as a whole",
		NoDeduplicationKey: "a webhook has no place for it",
		NoRecordByteLimit:  "texts are cut to what Discord takes",
	}
	message := cards
	message.Golden = "testdata/message"
	message.Start = func(t *testing.T) sinktest.Destination { return destination(t, everyKey) }
	message.NoByteLimit = "one card in a message, which is cut to what Discord takes"
	t.Run("cards", func(t *testing.T) { sinktest.Run(t, cards) })
	t.Run("message", func(t *testing.T) { sinktest.Run(t, message) })
}

func TestFaults(t *testing.T) {
	sinktest.Survive(t, sinktest.Harness{
		Start:     func(t *testing.T) sinktest.Destination { return destination(t, "text: '{{ .ResourceVersion }}'") },
		NoPartial: "Discord takes or refuses a message as a whole",
		// Survive counts on one batch, and a message here has ten: the next test.
		NoLostReply: "another test has it",
	})
	d := destination(t, "text: '{{ .ResourceVersion }}'")
	d.Service.Script(sinktest.Answer{}, sinktest.Answer{Outcome: sinktest.ReplyLost}, sinktest.Answer{Outcome: sinktest.Unavailable})
	assert.EqualValues(t, 100, sinktest.Deliver(t, Kind, d.Config, sinktest.Kibibyte(100)).Delivered)
	seen := map[string]bool{}
	for _, got := range d.Service.Deliveries() {
		seen[string(got.Body)] = true
	}
	assert.Len(t, seen, 100, "nothing is missing")
	assert.Len(t, d.Service.Deliveries(), 110, "the message whose reply was lost comes again")
}

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 100, sinktest.RequestsPerThousand(t, destination(t, "")), "ten cards in a message")
	assert.Equal(t, 1000, sinktest.RequestsPerThousand(t, destination(t, "message: '{{ .Reason }}'")), "one text above the cards")
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	many := strings.Repeat("x", maxFields+1)
	fields := make([]string, 0, len(many))
	for i := range many {
		fields = append(fields, "f"+strings.Repeat("x", i)+": a")
	}
	for config, want := range map[string]string{
		"{}":                                   "webhookURL: is missing",
		"{webhookURL: discord.com/x}":          "webhookURL: want a URL that begins with http:// or https://",
		"{webhookURL: http://h, timeout: -1s}": "timeout: -1s is negative",
		"{webhookURL: http://h, allowedMentions: [all]}":                       `allowedMentions: want users, roles or everyone, got "all"`,
		"{webhookURL: http://h, fields: {" + strings.Join(fields, ", ") + "}}": "fields: 26 are more than 25",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
	for _, key := range []string{"message", "title", "text", "color", "footer", "author_name"} {
		_, err := sinktest.Open(t, Kind, "webhookURL: http://h\n"+key+": '{{ .Nope }}'")
		assert.ErrorContains(t, err, key+": line 2", key)
	}
}

// sent gives an event's message, as it is sent.
func sent(t *testing.T, config string, ev *event.Event) (message, embed) {
	t.Helper()
	s, err := sinktest.Open(t, Kind, "webhookURL: http://h/?thread_id=7\n"+config)
	require.NoError(t, err, config)
	r, err := s.Encode(ev)
	require.NoError(t, err)
	body, err := s.(*sink).frame([]sinks.Record{r})
	require.NoError(t, err)
	var m message
	require.NoError(t, json.Unmarshal(body, &m))
	var e embed
	require.NoError(t, json.Unmarshal(m.Embeds[0], &e))
	return m, e
}
