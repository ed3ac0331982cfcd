package discord

import (
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

func TestTheUsersOwnMarkupWorks(t *testing.T) {
	ev := event.Sample()
	ev.Message = "<@1> @everyone"
	m, e := sent(t, "allowedMentions: [roles]\nmessage: '<@&123> {{ .Message }}'\ntext: '**{{ .Reason }}** [wiki](https://wiki/{{ .Namespace }})'", ev)
	assert.Equal(t, "<@&123> \\<@\u20601\\> @\u2060everyone", m.Content)
	assert.Equal(t, &mentions{[]string{"roles"}}, m.AllowedMentions)
	assert.Equal(t, "**BackOff** [wiki](https://wiki/default)", e.Description)
}

func TestNoListOfMentionsIsNone(t *testing.T) {
	m, _ := sent(t, "allowedMentions: null", event.Sample())
	assert.Equal(t, &mentions{[]string{}}, m.AllowedMentions, "null would be all")
}

func TestTheURL(t *testing.T) {
	s, err := sinktest.Open(t, Kind, "{webhookURL: 'http://h/api?thread_id=7'}")
	require.NoError(t, err)
	assert.Equal(t, "http://h/api?thread_id=7&wait=true", s.(*sink).endpoint)
	s, err = sinktest.Open(t, Kind, "{webhookURL: \"http://h/api\\n\", threadID: 8}")
	require.NoError(t, err)
	assert.Equal(t, "http://h/api?thread_id=8&wait=true", s.(*sink).endpoint)
}

func TestNothingToSay(t *testing.T) {
	s, err := sinktest.Open(t, Kind, "{webhookURL: http://h, title: '', text: '{{ .InvolvedObject.Labels.none }}'}")
	require.NoError(t, err)
	_, err = s.Encode(event.Sample())
	require.EqualError(t, err, "line 1, column 41: text: as rendered for this event nothing is left to say")
	s, err = sinktest.Open(t, Kind, "{webhookURL: http://h, title: '', text: '', message: hello}")
	require.NoError(t, err)
	r, err := s.Encode(event.Sample())
	require.NoError(t, err)
	assert.Equal(t, `{"content":"hello"}`, string(r.Body))
}

func TestColors(t *testing.T) {
	for color, want := range map[string]int64{
		"danger": 0xa30200, "'#00ff00'": 0xff00, "0000ff": 0xff, "'{{ .InvolvedObject.Labels.none }}'": 0, "'{{ .Message }}'": 0,
	} {
		_, e := sent(t, "color: "+color, event.Sample())
		assert.Equal(t, want, e.Color, color)
	}
	_, e := sent(t, "", event.Sample())
	assert.EqualValues(t, 0xd97706, e.Color, "a warning")
	assert.Equal(t, "2026-01-02T03:05:05.678Z", e.Timestamp)
}

func TestHostileText(t *testing.T) {
	for name, attack := range map[string]struct{ text, never string }{
		"a mention of all":         {"@everyone", "@everyone"},
		"a mention of those here":  {"x (@here)", "@here"},
		"a mention of a person":    {"<@1> <@&2> <#3>", "\n<"},
		"a link with another text": {"[https://good.example](https://evil.example)", "\n["},
		"an address":               {"https://evil.example", "://"},
		"the end of a code block":  {"``` x", "``"},
		"a heading":                {"# x", "\n# "},
		"a spoiler":                {"||x||", "||"},
		"from right to left":       {"a\u202egnp.exe", "\u202e"},
		"of no width":              {"a\u200bb", "\u200b"},
	} {
		t.Run(name, func(t *testing.T) {
			ev := event.Sample()
			ev.Message = attack.text
			m, e := sent(t, "message: '{{ .Message }}'\ntitle: '{{ .Message }}'\nfields: {f: '{{ .Message }}'}", ev)
			card := cardOf(&sinks.Digest{Newest: ev, Groups: []sinks.Group{{By: []sinks.GroupField{{Value: ev.Message}}, Newest: ev}}})
			for _, text := range []string{m.Content, e.Title, e.Description, e.Fields[0].Value, card.Title, card.Fields[0].Name, card.Fields[0].Value} {
				assert.NotContains(t, "\n"+text, attack.never)
			}
		})
	}
}

func TestNothingIsTooLong(t *testing.T) {
	for _, text := range []string{"x", "ü", "世", "🚢", "<", "*", "\"", "&\n"} {
		ev := event.Sample()
		ev.Message = strings.Repeat(text, 40_000)
		for _, config := range []string{
			"", "title: '{{ .Message }}'\nfooter: '{{ .Message }}'\nauthor_name: '{{ .Message }}'\nmessage: '{{ .Message }}'",
			"fields: {a: '{{ .Message }}', b: '{{ .Message }}', c: '{{ .Message }}', d: '{{ .Message }}', e: '{{ .Message }}', f: '{{ .InvolvedObject.Labels.none }}'}",
		} {
			m, e := sent(t, config, ev)
			assertTaken(t, m)
			assert.Greater(t, len(e.Description), 100, "no more than is needed")
		}
	}
	s, err := sinktest.Open(t, Kind, "{webhookURL: http://h}")
	require.NoError(t, err)
	for i := range maxFields {
		s.(*sink).fields[strings.Repeat("n", 7000+i)] = s.(*sink).title
	}
	_, err = s.Encode(event.Sample())
	assert.EqualError(t, err, "the names of the fields leave no room for what they hold")
}

// limited is a Discord that says how many messages it takes.
type limited struct {
	asked  int
	status int
	header http.Header
	body   string
}

func (l *limited) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	l.asked++
	for name, values := range l.header {
		w.Header()[name] = values
	}
	w.WriteHeader(l.status)
	_, _ = io.WriteString(w, l.body)
}

func TestThrottlingIsHonoured(t *testing.T) {
	for name, tc := range map[string]struct {
		header http.Header
		body   string
		want   time.Duration
	}{
		"the body is exact":    {http.Header{"Retry-After": {"1"}}, `{"message":"You are being rate limited.","retry_after":1.25,"global":false}`, 1250 * time.Millisecond},
		"a header with parts":  {http.Header{"Retry-After": {"0.5"}}, "<html>", 500 * time.Millisecond},
		"a header in seconds":  {http.Header{"Retry-After": {"65"}}, "", 65 * time.Second},
		"another header":       {http.Header{"X-Ratelimit-Reset-After": {"2.5"}}, "{}", 2500 * time.Millisecond},
		"nothing at all":       {nil, "", 0},
		"nonsense is not much": {http.Header{"Retry-After": {"-1e99"}}, `{"retry_after":"soon"}`, 0},
	} {
		l := &limited{status: http.StatusTooManyRequests, header: tc.header, body: tc.body}
		server := httptest.NewServer(l)
		t.Cleanup(server.Close)
		s, err := sinktest.Open(t, Kind, "{webhookURL: '"+server.URL+"'}")
		require.NoError(t, err)
		err = sinktest.Send(t, s, event.Sample())
		require.Error(t, err)
		assert.Equal(t, tc.want, sinks.RetryDelay(err), name)
		assert.False(t, sinks.IsPermanent(err) || sinks.IsStop(err), name)
		assert.Equal(t, 1, l.asked)
	}
}

// Who has used up what Discord allows does not ask before it is allowed again.
func TestTheLimitIsKept(t *testing.T) {
	l := &limited{status: http.StatusOK, header: http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset-After": {"60.5"}}}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	now := sinktest.Now
	env := sinktest.Env(io.Discard)
	env.Now = func() time.Time { return now }
	config := defaults()
	require.NoError(t, config.WebhookURL.UnmarshalText([]byte(server.URL)))
	s, err := Kind.Open(t.Context(), &config, env)
	require.NoError(t, err)

	require.NoError(t, sinktest.Send(t, s, event.Sample()))
	err = sinktest.Send(t, s, event.Sample())
	require.ErrorIs(t, err, errTooFast)
	assert.Equal(t, 60500*time.Millisecond, sinks.RetryDelay(err))
	assert.Equal(t, 1, l.asked)
	now = now.Add(time.Minute) // so little is waited for
	require.NoError(t, sinktest.Send(t, s, event.Sample()))
	now = now.Add(2 * time.Minute)
	l.header = http.Header{"X-Ratelimit-Remaining": {"4"}}
	require.NoError(t, sinktest.Send(t, s, event.Sample()))
	require.NoError(t, sinktest.Send(t, s, event.Sample()))
	assert.Equal(t, 4, l.asked)
}
