package email

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const simple = "host: mail.example.com\nfrom: boat@example.com\n"

// received is a message as a mail program reads it.
type received struct {
	header     mail.Header
	parts      []string // decoded
	text, html string
}

func read(t *testing.T, body []byte) received {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(string(body)))
	require.NoError(t, err)
	got := received{header: m.Header}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	if kind == "text/plain" {
		b, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		require.NoError(t, err)
		got.text, got.parts = string(b), []string{string(b)}
		return got
	}
	require.Equal(t, "multipart/alternative", kind)
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := r.NextPart() // decodes quoted-printable
		if errors.Is(err, io.EOF) {
			require.Len(t, got.parts, 2)
			got.text, got.html = got.parts[0], got.parts[1]
			return got
		}
		require.NoError(t, err)
		b, err := io.ReadAll(part)
		require.NoError(t, err)
		got.parts = append(got.parts, string(b))
	}
}

func (r received) subject(t *testing.T) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(r.header.Get("Subject"))
	require.NoError(t, err)
	return s
}

func encode(t *testing.T, config string, ev *event.Event) received {
	t.Helper()
	r, err := sinktest.MustOpen(t, Kind, config).Encode(ev)
	require.NoError(t, err)
	return read(t, r.Body)
}

// By it a mail program recognises a repetition.
func TestTheMessageIDIsOfTheEvent(t *testing.T) {
	ids := map[string]bool{}
	for range 2 {
		for _, ev := range []*event.Event{event.Sample(), sinktest.Kibibyte(1)[0]} {
			got := encode(t, simple+"to: [a@b.c]", ev)
			assert.Equal(t, ev.ID(), got.header.Get("X-Packetboat-ID"))
			assert.Regexp(t, `^<[0-9a-f]{32}@example\.com>$`, got.header.Get("Message-ID"))
			ids[got.header.Get("Message-ID")] = true
		}
	}
	assert.Len(t, ids, 2)
	d := sinktest.Digests()[0].Digest
	first, err := sinktest.MustOpen(t, Kind, simple+"to: [a@b.c]").(sinks.Digester).EncodeDigest(d)
	require.NoError(t, err)
	more := *d
	more.Count, more.Groups = 9999, append(more.Groups, more.Groups[0])
	second, err := sinktest.MustOpen(t, Kind, simple+"to: [a@b.c]").(sinks.Digester).EncodeDigest(&more)
	require.NoError(t, err)
	assert.NotEqual(t, first.Body, second.Body)
	assert.Equal(t, read(t, first.Body).header.Get("Message-ID"), read(t, second.Body).header.Get("Message-ID"), "made again with more in it")
}

func TestAConversationPerObject(t *testing.T) {
	a, b, other := event.Sample(), event.Sample(), event.Sample()
	b.UID, b.Reason = "other-event", "Killing"
	other.InvolvedObject.Name = "other"
	root := func(ev *event.Event) string {
		h := encode(t, simple+"to: [a@b.c]\nthread: object", ev).header
		assert.Equal(t, h.Get("References"), h.Get("In-Reply-To"))
		return h.Get("References")
	}
	assert.NotEmpty(t, root(a))
	assert.Equal(t, root(a), root(b))
	assert.NotEqual(t, root(a), root(other))
	assert.Empty(t, encode(t, simple+"to: [a@b.c]", a).header.Get("References"))
}

func TestAddressesAreTemplates(t *testing.T) {
	const byLabel = "to: ['{{ with index .InvolvedObject.Labels \"team\" }}{{ . }}@example.com{{ end }}']\nfallbackTo: [ops@example.com]\n"
	for label, want := range map[string]string{
		"shop": "<shop@example.com>", "": "<ops@example.com>", "<no value>": "<ops@example.com>", "not an@address": "<ops@example.com>",
		"a@evil.example, b":            "<a@evil.example>, <b@example.com>",
		"a\r\nBcc: x@evil.example\r\n": "<ops@example.com>",
	} {
		ev := event.Sample()
		ev.InvolvedObject.Labels = map[string]string{"team": label}
		got := encode(t, simple+byLabel, ev)
		assert.Equal(t, want, got.header.Get("To"), label)
		assert.Empty(t, got.header.Get("Bcc"))
	}
	ev := event.Sample()
	ev.InvolvedObject.Labels = map[string]string{"team": "a@evil.example, b"}
	assert.Equal(t, "<b@example.com>", encode(t, simple+byLabel+"domains: [Example.com]", ev).header.Get("To"), "only to our own domain")

	ev.InvolvedObject.Labels = nil
	_, err := sinktest.MustOpen(t, Kind, simple+"to: ['{{ .InvolvedObject.Labels.team }}']").Encode(ev)
	assert.EqualError(t, err, "to: as rendered for this event there is no address that mail may go to, and no fallbackTo has one")
	_, err = sinktest.MustOpen(t, Kind, "host: h\nto: [a@b.c]\nfrom: '{{ .InvolvedObject.Labels.team }}'").Encode(ev)
	assert.EqualError(t, err, "from: as rendered for this event it is not one address")
	ev.InvolvedObject.Labels = map[string]string{"team": strings.Repeat("x@y.z, ", 3) + strings.Repeat("a", 3)}
	_, err = sinktest.MustOpen(t, Kind, simple+"to: ['{{ range $i := until 101 }}a{{ $i }}@b.c, {{ end }}z@b.c']").Encode(ev)
	assert.EqualError(t, err, "to: as rendered for this event there are 102 recipients, more than 100")

	h := encode(t, simple+"to: [a@b.c, 'D <d@e.f>, g@h.i']\ncc: [j@k.l]\nreplyTo: [Größe <m@n.o>]", event.Sample()).header
	assert.Equal(t, `<a@b.c>, "D" <d@e.f>, <g@h.i>`, h.Get("To"))
	assert.Equal(t, "<j@k.l>", h.Get("Cc"))
	assert.Contains(t, h.Get("Reply-To"), "<m@n.o>")
}

func TestKeyIsWhoGetsIt(t *testing.T) {
	s := sinktest.MustOpen(t, Kind, simple+"to: ['{{ .Reason }}@example.com']")
	key := func(reason string) string {
		ev := event.Sample()
		ev.Reason = reason
		r, err := s.Encode(ev)
		require.NoError(t, err)
		return r.Key
	}
	first := key("a")
	assert.Equal(t, first, key("a"))
	assert.NotEqual(t, first, key("b"))
	assert.NotContains(t, key("a"), "example")
}

func TestPartsAreThoseThatAreAskedFor(t *testing.T) {
	ev := event.Sample()
	ev.Reason = "<b>x</b>"
	got := encode(t, simple+"to: [a@b.c]\ntext: 'T {{ .Reason }}'", ev)
	assert.Equal(t, "T <b>x</b>", strings.TrimSpace(got.text))
	assert.Empty(t, got.html)
	got = encode(t, simple+"to: [a@b.c]\ntext: T\nhtml: '<a href=\"https://example.com/{{ .Namespace }}\">{{ .Reason }}</a>'", ev)
	assert.Equal(t, `<a href="https://example.com/default">&lt;b&gt;x&lt;/b&gt;</a>`, strings.TrimSpace(got.html), "the user's own markup works, an event's does not")
	got = encode(t, simple+"to: [a@b.c]\nhtml: H", ev)
	assert.Contains(t, got.text, "<b>x</b>", "with a text for those who read text")
	assert.Equal(t, "x", encode(t, simple+"to: [a@b.c]\nsubject: 'x{{ index .InvolvedObject.Labels \"none\" }}'", ev).subject(t))
}

// Whatever an event says, it stays in its place.
func TestHostileText(t *testing.T) {
	for name, attack := range map[string]string{
		"a header":        "x\r\nBcc: victim@example.com\r\nSubject: y",
		"an end":          "x\r\n.\r\nMAIL FROM:<a@b.c>\r\n",
		"smuggling":       "x\n.\nMAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>",
		"a part":          "x\r\n--boundary\r\nContent-Type: text/html\r\n\r\n<b>",
		"markup":          `<script>alert(1)</script><img src="https://evil.example/x.png"><a href='https://evil.example'>click</a>`,
		"out of a style":  `"></span></td></tr></table><h1>Everything is fine</h1>`,
		"a link":          "see https://evil.example/login or www.evil.example",
		"an encoded word": "=?utf-8?q?=0D=0ABcc:_victim@example.com?=",
		"a signature":     "x\n-- \nThe Management",
		"length":          strings.Repeat("long ", 40_000),
		"a long word":     strings.Repeat("w", 40_000),
		"right to left":   "gpj.\u202Eexe \u2066",
		"no width":        "pay\u200Bpal",
	} {
		ev := event.Sample()
		ev.Message, ev.Reason, ev.InvolvedObject.Name, ev.Source.Component = attack, attack, attack, attack
		ev.UID, ev.Name = "", attack // the ID is of the name then
		d := sinktest.Digests()[0].Digest
		d.Groups[0].Newest, d.Groups[0].By[3].Value, d.Newest, d.ID = ev, attack, ev, "digest-"+attack
		s := sinktest.MustOpen(t, Kind, simple+"to: ['a@b.c', '{{ .Reason }} <d@e.f>']\nthread: object")
		one, err := s.Encode(ev)
		require.NoError(t, err, name)
		many, err := s.(sinks.Digester).EncodeDigest(d)
		require.NoError(t, err, name)
		for _, body := range [][]byte{one.Body, many.Body} {
			requireHarmless(t, name, body)
		}
	}
}

var invisible = regexp.MustCompile("[\u202A-\u202E\u2066-\u2069\u200B-\u200F\x00-\x08]")

func requireHarmless(t *testing.T, name string, body []byte) {
	t.Helper()
	got := read(t, body)
	for header := range got.header {
		require.Contains(t, []string{
			"Auto-Submitted", "Content-Type", "Date", "From", "In-Reply-To", "Message-Id", "Mime-Version", "References",
			"Subject", "To", "X-Packetboat-Id",
		}, header, name)
	}
	require.NotRegexp(t, "[\r\n]", got.subject(t), name)
	require.LessOrEqual(t, len([]rune(got.subject(t))), 200, name)
	list, err := got.header.AddressList("To")
	require.NoError(t, err, name)
	for _, a := range list {
		require.Contains(t, []string{"a@b.c", "d@e.f"}, a.Address, name)
	}
	for line := range strings.SplitSeq(string(body), "\r\n") {
		require.NotContains(t, line, "\n", name)
		require.LessOrEqual(t, len(line), 998, name) // RFC 5322, 2.1.1
	}
	for _, text := range append(got.parts, got.subject(t)) {
		require.NotRegexp(t, invisible, text, name)
		if text != got.subject(t) {
			require.NotRegexp(t, `https?://|www\.`, text, name)
		}
	}
	require.Equal(t, 1, strings.Count("\n"+strings.ReplaceAll(got.text, "\r\n", "\n"), "\n-- \n"), name)
	require.Equal(t, 1, strings.Count(got.html, "</table>"), name)
	require.NotRegexp(t, `<(script|img|a|h1)\b`, got.html, name)
}
