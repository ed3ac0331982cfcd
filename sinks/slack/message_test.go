package slack

import (
	"encoding/json"
	"fmt"
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
	"github.com/packetboat/packetboat/sinks/prose"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func TestTheCardNeedsNoFields_DS31(t *testing.T) {
	for key, want := range map[string]string{
		"title":       `[{"title":"BackOff","blocks":null}]`,
		"author_name": `[{"author_name":"BackOff","blocks":null}]`,
		"footer":      `[{"blocks":null,"footer":"BackOff"}]`,
	} {
		m, err := encode(t, "channel: c\nmessage: hello\n"+key+": '{{ .Reason }}'", event.Sample())
		require.NoError(t, err)
		got, err := json.Marshal(m.Attachments)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
		assert.Equal(t, "hello", m.Text)
	}
	m, err := encode(t, "channel: c\nmessage: hello\ncolor: danger", event.Sample())
	require.NoError(t, err)
	require.Len(t, m.Attachments, 1)
	assert.Equal(t, "danger hello", m.Attachments[0].Color+" "+m.Attachments[0].Text)
	assert.Empty(t, m.Text, "not twice")
}

func TestFieldsAreInOrder(t *testing.T) {
	m, err := encode(t, "channel: c\nfields: {b: 2, a: 1, c: '{{ .InvolvedObject.Labels.none }}'}", event.Sample())
	require.NoError(t, err)
	require.Len(t, m.Attachments, 1)
	got, err := json.Marshal(m.Attachments[0].Fields)
	require.NoError(t, err)
	assert.Equal(t, `[{"title":"a","value":"1","short":false},{"title":"b","value":"2","short":false},{"title":"c","value":"","short":false}]`, string(got))
	assert.Empty(t, m.Text, "no message was asked for")
}

func TestColors(t *testing.T) {
	for color, want := range map[string]string{
		"good": "good", "'#aB12cd'": "#aB12cd", "'{{ .InvolvedObject.Labels.none }}'": "", "red": "", "'{{ .Message }}'": "",
	} {
		m, err := encode(t, "channel: c\ntitle: t\ncolor: "+color, event.Sample())
		require.NoError(t, err)
		assert.Equal(t, want, m.Attachments[0].Color, color)
	}
}

func TestChannelWithoutALabel(t *testing.T) {
	for channel, found := range map[string]bool{
		`#{{ .InvolvedObject.Labels.app }}`:        true,
		`@{{ .InvolvedObject.Labels.none }}`:       false,
		`#{{ .InvolvedObject.Labels.none }}`:       false,
		`{{ .InvolvedObject.Labels.none }}`:        false,
		"#<no value>":                              false,
		`{{ index .InvolvedObject.Labels "app" }}`: true,
	} {
		m, err := encode(t, "channel: '"+channel+"'\nfallbackChannel: '#rest'", event.Sample())
		require.NoError(t, err)
		assert.Equal(t, found, m.Channel != "#rest", channel)
		_, err = encode(t, "channel: '"+channel+"'", event.Sample())
		if found {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, "line 2, column 10: channel: as rendered for this event it is empty, and there is no fallbackChannel")
		}
	}
}

func TestAnEmptyMessageIsADeadLetter(t *testing.T) {
	_, err := encode(t, "channel: c\nmessage: '{{ .InvolvedObject.Labels.none }}'", event.Sample())
	assert.EqualError(t, err, "line 3, column 10: message: as rendered for this event it is empty")
}

func TestTheUsersMarkupWorks_DS31(t *testing.T) {
	ev := event.Sample()
	ev.Message = "<!channel> & <https://evil.example|click> <@U1>"
	m, err := encode(t, "channel: c\nmessage: '<@U123> *see* <https://wiki/{{ .Namespace }}|wiki>: {{ .Message }}'", ev)
	require.NoError(t, err)
	assert.Equal(t, "<@U123> *see* <https://wiki/default|wiki>: &lt;!channel&gt; &amp; &lt;https:\u2060//evil.example|click&gt; &lt;@U1&gt;", m.Text)
}

// The library escapes once more unless it is told not to.
func TestMarkupArrivesAsItWasWritten_DS31(t *testing.T) {
	d := bot(t, "message: '<@U123> & {{ .Type }}'")
	require.EqualValues(t, 1, sinktest.Deliver(t, Kind, d.Config, sinktest.Kibibyte(1)).Delivered)
	assert.JSONEq(t, `{"channel":"#alerts","text":"<@U123> & Warning"}`, sinktest.Bodies(d.Service)[0])
}

// everything has event text wherever it can be.
const everything = `channel: c
message: "{{ .Message }}"
title: "{{ .Message }}"
author_name: "{{ .Message }}"
footer: "{{ .Message }}"
fields: {f: "{{ .Message }}"}
blocks:
  - {type: header, text: {type: plain_text, text: "{{ .Message }}"}}
  - {type: section, fields: [{type: mrkdwn, text: "{{ .Message }}"}], text: {type: mrkdwn, text: "{{ .Message }}"}}
  - {type: context, elements: [{type: mrkdwn, text: "{{ .Message }}"}]}
`

func TestHostileText(t *testing.T) {
	for name, attack := range map[string]struct{ text, never string }{
		"a mention of the channel": {"<!channel> <!here|x> <!everyone>", "<!"},
		"a mention of a person":    {"<@U123> <!subteam^S1>", "<@"},
		"a link with another text": {"<https://evil.example|https://good.example>", "<https"},
		"an address":               {"go to https://evil.example now, or www.evil.example", "https://"},
		"bold":                     {"*bold* and (*bold*)", "*"},
		"italic":                   {"_italic_", "_"},
		"struck":                   {"~struck~", "~"},
		"the end of a code block":  {"a ``` b` c", "`"},
		"from right to left":       {"a\u202egnp.exe", "\u202e"},
		"of no width":              {"a\u200bb\ufeffc\u00add", "\u200b"},
		"a terminal's code":        {"\x1b[31mred\x00", "\x1b"},
	} {
		t.Run(name, func(t *testing.T) {
			ev := event.Sample()
			ev.Message = attack.text
			for _, body := range bodies(t, ev) {
				assert.NotContains(t, body, attack.never)
			}
		})
	}
	assert.Equal(t, "web_1 2*3 a~b nginx@sha256:ab", mrkdwn("web_1 2*3 a~b nginx@sha256:ab"), "no more than is needed")
	assert.Equal(t, "a\n\u2060&gt; not a quote", mrkdwn("a\n> not a quote"))
}

// bodies are all texts of what Slack is sent about an event, without those of JSON.
func bodies(t *testing.T, ev *event.Event) (texts []string) {
	t.Helper()
	s, err := sinktest.Open(t, Kind, "token: xoxb-test\n"+everything)
	require.NoError(t, err)
	r, err := s.Encode(ev)
	require.NoError(t, err)
	d := &sinks.Digest{ID: "d", Newest: ev, Groups: []sinks.Group{{
		By: []sinks.GroupField{{Name: "reason", Value: ev.Message}, {Name: "name", Value: ev.Message}}, Newest: ev,
	}}}
	digest, err := s.(sinks.Digester).EncodeDigest(d)
	require.NoError(t, err)
	var m message
	require.NoError(t, json.Unmarshal(digest.Body, &m))
	text := groupText(prose.Lines(d)[0])
	text = strings.Replace(strings.Replace(text, "*", "", 1), "* ", "", 1) // our own bold
	texts = append(texts, m.Text, text)
	require.NoError(t, json.Unmarshal(r.Body, &m))
	a := m.Attachments[0]
	texts = append(texts, m.Text, a.Title, a.AuthorName, a.Footer, a.Fields[0].Value)
	for _, b := range m.Blocks {
		var block struct {
			Text             struct{ Text string }
			Fields, Elements []struct{ Text string }
		}
		require.NoError(t, json.Unmarshal(b, &block))
		texts = append(texts, block.Text.Text)
		for _, f := range append(block.Fields, block.Elements...) {
			texts = append(texts, f.Text)
		}
	}
	return texts
}

func TestNothingIsTooLong(t *testing.T) {
	ev := event.Sample()
	ev.Message = strings.Repeat("ü<", 30_000)
	limits := []int{maxSummary, 2 * maxSection, maxText, maxTitle, maxTitle, maxFooter, maxField, maxHeader, maxSection, maxSectionField, 0, maxSection}
	for i, text := range bodies(t, ev) {
		assert.LessOrEqual(t, utf8.RuneCountInString(text), limits[i]*5, i)
		if i > 1 {
			assert.LessOrEqual(t, utf8.RuneCountInString(text), limits[i], i)
		}
	}
	ev.Message = ""
	m, err := encode(t, "channel: c\nblocks: [{type: section, text: {type: mrkdwn, text: '{{ .Message }}'}}]", ev)
	require.NoError(t, err)
	assert.Contains(t, string(m.Blocks[0]), `"text":"–"`, "Slack refuses an empty one")
}

func TestDigestsKeepTheNumberOfBlocks(t *testing.T) {
	d := &sinks.Digest{ID: "d", Newest: event.Sample()}
	for i := range 200 {
		d.Groups = append(d.Groups, sinks.Group{By: []sinks.GroupField{{Value: fmt.Sprint(i)}}, Count: 1})
	}
	s, err := sinktest.Open(t, Kind, "{token: xoxb-test, channel: c}")
	require.NoError(t, err)
	r, err := s.(sinks.Digester).EncodeDigest(d)
	require.NoError(t, err)
	var m message
	require.NoError(t, json.Unmarshal(r.Body, &m))
	assert.Len(t, m.Attachments[0].Blocks.BlockSet, maxGroups+1)
	assert.LessOrEqual(t, len(r.Body), maxDigest)
	assert.Contains(t, string(r.Body), "and 155 more groups, 155 times")
}

// answers is a Slack that says the same to everything.
func answers(t *testing.T, config, answer string) error {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
	t.Cleanup(server.Close)
	s, err := sinktest.Open(t, Kind, "token: xoxb-test\napiURL: "+server.URL+"\n"+config)
	require.NoError(t, err)
	r, err := s.Encode(event.Sample())
	require.NoError(t, err)
	return s.Send(t.Context(), []sinks.Record{r})
}

func TestWhatSlackAnswers(t *testing.T) {
	for code, want := range map[string]string{
		"channel_not_found": "stop", "not_in_channel": "stop", "token_revoked": "stop", "missing_scope": "stop",
		"msg_too_long": "permanent", "no_text": "permanent", "rate_limited": "later", "fatal_error": "transient", "never_heard_of": "transient",
	} {
		err := answers(t, "channel: c", `{"ok":false,"error":"`+code+`"}`)
		require.ErrorContains(t, err, code)
		assert.Equal(t, want, verdict(err), code)
	}
	err := answers(t, "channel: '#{{ .Namespace }}'", `{"ok":false,"error":"channel_not_found"}`)
	assert.EqualError(t, err, `send: channel "#default": Slack answered channel_not_found`)
	assert.Equal(t, "permanent", verdict(err), "one namespace without a channel does not stop the others")
	for _, nothing := range []string{`{"ok":false}`, `{}`, "<html>", `{"ok":true}`} {
		assert.Equal(t, "transient", verdict(answers(t, "channel: c", nothing)), nothing)
	}
}

func verdict(err error) string {
	switch {
	case sinks.IsStop(err):
		return "stop"
	case sinks.IsPermanent(err):
		return "permanent"
	case sinks.RetryDelay(err) > 0:
		return "later"
	case err != nil:
		return "transient"
	}
	return "accepted"
}

func TestThrottlingIsHonoured_DS31(t *testing.T) {
	d := bot(t, "message: '{{ .ResourceVersion }}'")
	d.Service.Script(sinktest.Answer{Outcome: sinktest.Throttled})
	assert.EqualValues(t, 3, sinktest.Deliver(t, Kind, d.Config, sinktest.Kibibyte(3)).Delivered)
	assert.Len(t, d.Service.Deliveries(), 3, "nothing is lost")
}

func TestWhoRepeatsTheTokenDoesNotGetItIntoTheLog(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "cannot pass on "+r.PostFormValue("token"))
	}))
	t.Cleanup(server.Close)
	s, err := sinktest.Open(t, Kind, "{token: "+token+", channel: c, apiURL: '"+server.URL+"'}")
	require.NoError(t, err)
	r, err := s.Encode(event.Sample())
	require.NoError(t, err)
	err = s.Send(t.Context(), []sinks.Record{r})
	require.ErrorContains(t, err, "502 Bad Gateway: cannot pass on <secret>")
	assert.NotContains(t, err.Error(), token)
}
