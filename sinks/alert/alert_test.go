package alert_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/render"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/alert"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

type fields struct {
	Message, Alias, Description, Entity, Source, Priority, Note string

	Tags                     []string
	Details, ExtraProperties map[string]string
	Responders, VisibleTo    []map[string]string
}

func encoder(t *testing.T, config string) *alert.Encoder {
	t.Helper()
	c := alert.Defaults()
	require.NoError(t, yaml.Unmarshal([]byte(config), &c))
	require.NoError(t, c.Check(false))
	e, err := alert.NewEncoder(c, render.NewCompiler(), false)
	require.NoError(t, err)
	return e
}

func encode(t *testing.T, config string, ev *event.Event) (f fields) {
	t.Helper()
	r, err := encoder(t, config).Event(ev)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(r.Body, &f))
	assert.Equal(t, f.Alias, r.Alert)
	return f
}

func saying(message string) *event.Event {
	ev := event.Sample()
	ev.Message = message
	return ev
}

func TestWhatNobodyConfigured(t *testing.T) {
	f := encode(t, "", event.Sample())
	assert.Equal(t, "Pod default/sample: BackOff", f.Message)
	assert.Equal(t, "Back-off restarting failed container", f.Description)
	assert.Equal(t, "P3", f.Priority)
	assert.Equal(t, "packetboat", f.Source)
	assert.Equal(t, map[string]string{"eventID": event.Sample().ID()}, f.Details)
	assert.Equal(t, alert.Name(event.Sample()), f.Alias)
	ev := event.Sample()
	ev.InvolvedObject.Kind, ev.InvolvedObject.Namespace, ev.InvolvedObject.Name = "Node", "", "n1"
	assert.Equal(t, "Node n1: BackOff", encode(t, "", ev).Message)
}

// One alert for an object and a reason, however often and in whatever words.
func TestName(t *testing.T) {
	name := alert.Name(event.Sample())
	assert.Regexp(t, "^packetboat-[0-9a-f]{32}$", name)
	same := event.Sample()
	same.UID, same.ResourceVersion, same.Message, same.Count, same.InvolvedObject.UID = "u", "99", "m", 99, "u2"
	assert.Equal(t, name, alert.Name(same))
	for what, change := range map[string]func(ev *event.Event){
		"reason":    func(ev *event.Event) { ev.Reason = "Failed" },
		"object":    func(ev *event.Event) { ev.InvolvedObject.Name = "other" },
		"kind":      func(ev *event.Event) { ev.InvolvedObject.Kind = "Node" },
		"namespace": func(ev *event.Event) { ev.InvolvedObject.Namespace = "other" },
		"cluster":   func(ev *event.Event) { ev.ClusterName = "other" },
		"moved":     func(ev *event.Event) { ev.InvolvedObject.Name, ev.Reason = "sampleB", "ackOff" },
	} {
		ev := event.Sample()
		change(ev)
		assert.NotEqual(t, name, alert.Name(ev), what)
	}
}

func TestNameOfDigest(t *testing.T) {
	d := sinktest.Digests()[0].Digest
	later := *d
	later.ID, later.Count = "digest-later", 9
	assert.Equal(t, alert.NameOfDigest(d), alert.NameOfDigest(&later), "a group has one alert")
	later.Cluster = "other"
	assert.NotEqual(t, alert.NameOfDigest(d), alert.NameOfDigest(&later), "in its cluster")
	many := sinktest.Digests()[1].Digest
	other := *many
	other.ID = "digest-later"
	assert.NotEqual(t, alert.NameOfDigest(many), alert.NameOfDigest(&other), "a digest of many groups is not a state")
}

// The newest event may be the mildest.
func TestADigestIsAsUrgentAsItsMostUrgentGroup(t *testing.T) {
	urgent, mild := event.Sample(), event.Sample()
	mild.Type = "Normal"
	d := &sinks.Digest{ID: "d", Newest: mild, Groups: []sinks.Group{{Newest: urgent}, {Newest: mild}}}
	r, err := encoder(t, `priority: '{{ if eq .Type "Warning" }}P1{{ else }}P5{{ end }}'`).Digest(d)
	require.NoError(t, err)
	var f fields
	require.NoError(t, json.Unmarshal(r.Body, &f))
	assert.Equal(t, "P1", f.Priority)
	assert.Same(t, mild, r.Event)
	assert.Same(t, mild, alert.Foremost(&sinks.Digest{Newest: mild}))
}

func TestTheUsersAliasWins(t *testing.T) {
	const byTeam = `alias: '{{ index .InvolvedObject.Labels "team" }}'`
	ev := event.Sample()
	ev.InvolvedObject.Labels = map[string]string{"team": " shop\u200b "}
	assert.Equal(t, "shop", encode(t, byTeam, ev).Alias)
	for _, useless := range []string{"", " \n", "\u202e", ".", ".."} {
		ev.InvolvedObject.Labels["team"] = useless
		assert.Regexp(t, "^packetboat-", encode(t, byTeam, ev).Alias, "%q", useless)
	}
	delete(ev.InvolvedObject.Labels, "team")
	assert.Equal(t, alert.Name(ev), encode(t, byTeam, ev).Alias, "never <no value>")

	long := encode(t, "alias: '{{ .Message }}'", saying(strings.Repeat("x", 600)+"1")).Alias
	longer := encode(t, "alias: '{{ .Message }}'", saying(strings.Repeat("x", 600)+"2")).Alias
	assert.NotEqual(t, long, longer, "two long ones stay two")
	assert.LessOrEqual(t, len(long), 512)
}

func TestPriority(t *testing.T) {
	const byLabel = `priority: '{{ index .InvolvedObject.Labels "priority" }}'`
	for label, want := range map[string]string{"P1": "P1", "\u200bP5\u200b": "P5", "": "P3", "high": "P3", "P11": "P3", "<b>P1": "P3"} {
		ev := event.Sample()
		ev.InvolvedObject.Labels = map[string]string{"priority": label}
		assert.Equal(t, want, encode(t, byLabel, ev).Priority, label)
	}
	assert.Equal(t, "P3", encode(t, "priority: ''", event.Sample()).Priority)
}

const all = `
message: "<b>{{ .Reason }}</b> {{ .Message }}"
description: "<i>{{ .Message }}</i>"
note: "{{ .Message }}"
entity: "{{ .Message }}"
source: "{{ .Message }}"
tags: ["{{ .Message }}"]
details: {a: "{{ .Message }}", z: "{{ .Message }}"}
responders: [{type: team, name: "{{ .Message }}"}]
`

// The services show HTML. That of the user works, that of an event does not.
func TestMarkupOfAnEventIsText(t *testing.T) {
	for name, attack := range map[string]string{
		"link":    `<a href="https://evil.example">click</a>`,
		"script":  "</i></b><script>alert(1)</script>",
		"image":   "<img src=https://evil.example/x.png onerror=alert(1)>",
		"entity":  "&lt;b&gt;",
		"mention": "<!channel> <@U1> <users/all>",
	} {
		f := encode(t, all, saying(attack))
		for _, text := range []string{f.Message, f.Description, f.Note} {
			for _, tag := range []string{"<a", "<script", "<img", "<!", "<@", "<users", "</i></b>", " &lt;b&gt;"} {
				assert.NotContains(t, text, tag, name)
			}
		}
		assert.True(t, strings.HasPrefix(f.Message, "<b>BackOff</b> "), name)
		assert.True(t, strings.HasPrefix(f.Description, "<i>") && strings.HasSuffix(f.Description, "</i>"), name)
	}
	one := *sinktest.Digests()[0].Digest
	one.Groups[0].Newest, one.Groups[0].By[0].Value = saying("<script>"), "<img>"
	r, err := encoder(t, all).Digest(&one)
	require.NoError(t, err)
	var f fields
	require.NoError(t, json.Unmarshal(r.Body, &f))
	assert.NotContains(t, f.Message+f.Description, "<")
}

func TestNothingInvisible(t *testing.T) {
	f := encode(t, all, saying("pay\u202Efdp.exe a\u200Bd\u2060min \x1b[2J\x00 one\r\ntwo"))
	for _, text := range []string{f.Message, f.Description, f.Note, f.Entity, f.Source, f.Tags[0], f.Details["a"], f.Responders[0]["name"]} {
		assert.NotRegexp(t, "[\u202a-\u202e\u200b\u2060\x1b\x00\r]", text)
		assert.Contains(t, text, "payfdp.exe admin")
	}
	for _, text := range []string{f.Message, f.Entity, f.Source, f.Tags[0]} {
		assert.NotContains(t, text, "\n", "it is a line")
	}
}

// Nothing is refused for its length, and what was cut shows.
func TestLimits(t *testing.T) {
	for name, message := range map[string]string{
		"long": strings.Repeat("a", 40_000), "wide": strings.Repeat("世", 40_000), "escaped": strings.Repeat("<", 40_000),
		"markdown": strings.Repeat("# *b* [x](https://evil.example)\n", 2_000),
	} {
		f := encode(t, all, saying(message))
		for _, field := range []struct {
			text  string
			limit int
		}{{f.Message, 130}, {f.Description, 15_000}, {f.Note, 25_000}, {f.Entity, 512}, {f.Source, 100}, {f.Tags[0], 50}} {
			assert.Equal(t, field.limit, utf8.RuneCountInString(field.text), name)
			assert.True(t, strings.HasSuffix(field.text, "…"), name)
		}
		details := 0
		for key, value := range f.Details {
			details += utf8.RuneCountInString(key + value)
		}
		assert.Equal(t, 8_000, details, "%s: names and values together", name)
		assert.Equal(t, event.Sample().ID(), f.Details["eventID"], "the ID is never cut")
	}
}

func TestEmptyTextsAreLeftOut(t *testing.T) {
	f := encode(t, all, saying(""))
	assert.Empty(t, f.Tags)
	assert.Empty(t, f.Responders)
	assert.Len(t, f.Details, 1)
	_, err := encoder(t, "message: '{{ .Message }}'").Event(saying("\u200b"))
	assert.EqualError(t, err, "line 1, column 10: message: as rendered for this event it is empty")
}

func TestADigestFits(t *testing.T) {
	for _, c := range sinktest.Digests() {
		text := alert.Describe(c.Digest, 15_000, func(s string) string { return s })
		assert.LessOrEqual(t, utf8.RuneCountInString(text), 15_000, c.Name)
		assert.NotEmpty(t, text, c.Name)
	}
	rapid.Check(t, func(t *rapid.T) {
		d := &sinks.Digest{MoreGroups: rapid.IntRange(0, 3).Draw(t, "more")}
		for i := range rapid.IntRange(0, 5).Draw(t, "groups") {
			d.Groups = append(d.Groups, sinks.Group{
				Key: fmt.Sprint(i), Newest: saying(rapid.String().Draw(t, "message")),
				By: []sinks.GroupField{{Name: "reason", Value: rapid.String().Draw(t, "reason")}, {Value: rapid.String().Draw(t, "by")}},
			})
		}
		limit := rapid.IntRange(1, 400).Draw(t, "limit")
		escape := func(s string) string { return strings.ReplaceAll(s, "a", "&amp;") }
		assert.LessOrEqual(t, utf8.RuneCountInString(alert.Describe(d, limit, escape)), limit)
	})
}

func TestTheEndOfAnAlert(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r, err := encoder(t, "").Resolve("name", at)
	require.NoError(t, err)
	assert.JSONEq(t, `{"alias":"name","source":"packetboat","note":"Nothing came since 2026-03-01 12:00:00 UTC."}`, string(r.Body))
	again, err := encoder(t, "").Resolve("name", at)
	require.NoError(t, err)
	assert.Equal(t, r, again)
	other, err := encoder(t, "").Resolve("name", at.Add(time.Second))
	require.NoError(t, err)
	assert.NotEqual(t, r.ID, other.ID)
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"responders: [{type: group, name: x}]":                     `responders[0]: type: want team, user, escalation, schedule, got "group"`,
		"visibleTo: [{type: schedule, name: x}]":                   `visibleTo[0]: type: want team, user, got "schedule"`,
		"responders: [{type: team}]":                               "responders[0]: want one of id, name and username",
		"responders: [{type: team, id: x, name: y}]":               "responders[0]: want one of id, name and username",
		"tags: [" + strings.Repeat("a,", 21) + "]":                 "tags: 21 are more than the 20 that an alert has",
		"visibleTo: [" + strings.Repeat("{type: team},", 51) + "]": "visibleTo: 51 are more than the 50 that an alert has",
	} {
		c := alert.Defaults()
		require.NoError(t, yaml.Unmarshal([]byte(config), &c))
		assert.EqualError(t, c.Check(false), want)
	}
	c := alert.Config{Message: sinks.Template{Text: "m"}, Responders: []alert.Recipient{{Type: "team", Name: sinks.Template{Text: "x"}}}}
	assert.EqualError(t, c.Check(true), "responders[0]: want an id; the service knows no other names")
}
