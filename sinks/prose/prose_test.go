package prose

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

var noon = time.Date(2026, 3, 1, 12, 0, 3, 0, time.UTC)

func crash() sinks.Group {
	return sinks.Group{
		By: []sinks.GroupField{
			{Name: "namespace", Value: "shop"},
			{Name: "kind", Value: "Pod"},
			{Name: "owner", Value: "Deployment/web"},
			{Name: "reason", Value: "BackOff"},
			{Name: "", Value: ""},
		},
		Count: 1204, Objects: 50, Warning: true, First: noon, Last: noon.Add(time.Hour),
		Newest: event.New(corev1.Event{Message: "Back-off restarting\x1b[31m failed container"}, ""),
	}
}

func TestLines(t *testing.T) {
	assert.Equal(t, []Line{{
		Warning: true, Count: "1,204 times", Reason: "BackOff", What: "shop · Pod · Deployment/web", Objects: "50 objects",
		When: "2026-03-01 12:00:03 to 13:00:03 UTC", Message: "Back-off restarting[31m failed container",
	}}, Lines(&sinks.Digest{Groups: []sinks.Group{crash()}}))
	held := crash()
	held.Suppressed, held.Objects, held.Count = 3, 1, 1
	l := line(held)
	assert.Equal(t, []string{"once", "", "(3 more since it was last told)"}, []string{l.Count, l.Objects, l.Held})
}

func TestHeadline(t *testing.T) {
	one := &sinks.Digest{Cluster: "prod", Groups: []sinks.Group{crash()}, Count: 1204}
	assert.Equal(t, "prod: BackOff · shop · Pod · Deployment/web · 1,204 times", Headline(one))
	assert.Empty(t, More(one))

	many := &sinks.Digest{
		Groups: []sinks.Group{crash(), crash()}, MoreGroups: 37, MoreCount: 41, Count: 2449, First: noon, Last: noon.Add(time.Minute),
	}
	assert.Equal(t, "2,449 events in 39 groups, 2026-03-01 12:00:03 to 12:01:03 UTC", Headline(many))
	assert.Equal(t, "and 37 more groups, 41 times", More(many))
	assert.Equal(t, "and 1 more group, once", Headline(&sinks.Digest{MoreGroups: 1, MoreCount: 1}))
}

func TestSpan(t *testing.T) {
	assert.Equal(t, "2026-03-01 12:00:03 UTC", Span(noon, noon.Add(time.Millisecond)))
	assert.Equal(t, "2026-03-01 12:00:03 UTC", Span(time.Time{}, noon))
	assert.Equal(t, "2026-03-01 12:00:03 to 2026-03-02 12:00:03 UTC", Span(noon, noon.Add(24*time.Hour)))
	assert.Equal(t, "at an unknown time", Span(time.Time{}, time.Time{}))
}

func TestNumber(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		assert.Equal(t, want, Number(n))
	}
}

func TestCleanTakesOutWhatCannotBeSeen(t *testing.T) {
	for text, want := range map[string]string{
		"pay\u202Efdp.exe":          "payfdp.exe",
		"a\u200Bd\u2060m\uFEFFin":   "admin",
		"\x1b[2Jgone\x00":           "[2Jgone",
		" two\r\nlines\t ":          "two \nlines",
		"שלום עולם":                 "שלום עולם",
		"broken \xff text":          "broken \uFFFD text",
		"\u2066isolated\u2069 text": "isolated text",
	} {
		assert.Equal(t, want, Clean(text))
	}
}

func TestCutsAreWholeCharactersWithinTheLimit(t *testing.T) {
	assert.Equal(t, "sma…", Cut("small", 4))
	assert.Equal(t, "small", Cut("small", 5))
	assert.Equal(t, "ä…", CutBytes("äää", 5))
	rapid.Check(t, func(t *rapid.T) {
		text, n := rapid.String().Draw(t, "text"), rapid.IntRange(0, 40).Draw(t, "n")
		cut := Cut(text, n)
		assert.LessOrEqual(t, utf8.RuneCountInString(cut), n)
		assert.True(t, strings.HasPrefix(text, strings.TrimSuffix(cut, ellipsis)))
		cut = CutBytes(text, n)
		assert.LessOrEqual(t, len(cut), n)
		assert.True(t, utf8.ValidString(cut))
	})
}
