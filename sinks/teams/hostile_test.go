package teams

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// Whatever an event says, it is shown as it is: it mentions nobody, links
// nowhere, and stays in its place.
func TestHostileText(t *testing.T) {
	for name, attack := range map[string]string{
		"mention of a workflow": "<at>00000000-0000-0000-0000-000000000001</at> < AT id=1>",
		"mention":               "@channel @everyone @here",
		"masked link":           "[invoice](https://evil.example/x)",
		"bare link":             "https://evil.example www.evil.example",
		"html":                  "<a href='https://evil.example'>x</a><script>alert(1)</script><img src=x>",
		"markdown":              "**bold** _i_ `c` # head\n- item\n> quote\n| a | b |",
		"template":              "{{DATE(2017-02-14T06:08:39Z, SHORT)}} @{body('x')} ${x}",
		"next line":             "ok \nStatus: Healthy\n\n**9 times** Nothing",
		"out of JSON":           `"},{"type":"Action.OpenUrl","url":"x"}]`,
		"length":                strings.Repeat("ä", 40_000),
		"right to left":         "gpj.\u202Eexe",
		"no width":              "pay\u200Bpal\u2066",
	} {
		for _, config := range []string{
			"format: workflows", "format: connector", "format: workflows\nlayout: {a: '{{ .Message }}', b: {c: ['{{ .Message }}']}}",
			"format: connector\nlayout: {message: '{{ .Message }}', x: ['{{ .Message }}']}",
			"format: workflows\ncard: {type: AdaptiveCard, body: [{type: TextBlock, text: '{{ .Message }}'}]}",
		} {
			ev := event.Sample()
			ev.Message, ev.Reason = attack, strings.ToValidUTF8(attack[:min(len(attack), 60)], "")
			ev.InvolvedObject.Name = ev.Reason
			requireHarmless(t, name+": "+config, encode(t, "endpoint: http://h\n"+config, ev))
			d := sinktest.Digests()[0].Digest
			d.Groups[0].Newest, d.Groups[0].By[3].Value, d.Newest = ev, ev.Reason, ev
			r, err := sinktest.MustOpen(t, Kind, "endpoint: http://h\n"+config).(sinks.Digester).EncodeDigest(d)
			require.NoError(t, err)
			requireHarmless(t, name+": digest: "+config, string(r.Body))
		}
	}
}

var (
	isMention = regexp.MustCompile(`(?i)<\s*/?\s*at\b|(^|\W)@(channel|everyone|here)`)
	isLink    = regexp.MustCompile(`(?i)https?://|www\.|(^|[^\\])\]\(`)
	isMarkup  = regexp.MustCompile(`(^|[^\\])(\*\*bold|_i_|` + "`" + `c|# head)|\n\s*(-|>)|\*\*9 times`)
	isHTML    = regexp.MustCompile(`(?i)<`)
	invisible = regexp.MustCompile("[\u202A-\u202E\u2066-\u2069\u200B-\u200F\x00-\x09]")
)

func requireHarmless(t *testing.T, what, body string) {
	t.Helper()
	require.LessOrEqual(t, len(body), maxBytes, what)
	var v any
	require.NoError(t, json.Unmarshal([]byte(body), &v), what)
	if m := v.(map[string]any); m["attachments"] == nil {
		text := m["text"].(string)
		require.NotRegexp(t, isHTML, text, what)
		require.LessOrEqual(t, strings.Count("\n"+text, "\nStatus:"), 1, what)
	}
	requireHarmlessTexts(t, what, v, false)
}

// requireHarmlessTexts looks at every text; in a RichTextBlock Markdown means nothing.
func requireHarmlessTexts(t *testing.T, what string, v any, isPlain bool) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		require.NotEqual(t, "Action.OpenUrl", v["type"], what)
		delete(v, "$schema")
		for _, inner := range v {
			requireHarmlessTexts(t, what, inner, isPlain || v["type"] == "RichTextBlock")
		}
	case []any:
		for _, inner := range v {
			requireHarmlessTexts(t, what, inner, isPlain)
		}
	case string:
		require.NotRegexp(t, invisible, v, what)
		if isPlain {
			require.NotRegexp(t, `(?i)https?://|www\.|<\s*/?\s*at\b`, v, what)
			return
		}
		for _, attack := range []*regexp.Regexp{isMention, isLink, isMarkup} {
			require.NotRegexp(t, attack, v, what)
		}
	}
}
