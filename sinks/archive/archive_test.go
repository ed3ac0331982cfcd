package archive

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/render"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

type config struct {
	Archive Config        `yaml:",inline"`
	Payload sinks.Payload `yaml:",inline"`
}

func compile(t *testing.T, text string) (*Archive, error) {
	t.Helper()
	c := config{Archive: Defaults()}
	require.NoError(t, yaml.Unmarshal([]byte(text), &c))
	return New(c.Archive, c.Payload, render.NewCompiler())
}

func mustCompile(t *testing.T, text string) *Archive {
	t.Helper()
	a, err := compile(t, text)
	require.NoError(t, err)
	return a
}

// at is an event that happened at a time.
func at(version string, text string) *event.Event {
	ev := event.Sample()
	ev.UID, ev.ResourceVersion, ev.Series = "u", version, nil
	happened, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	ev.LastTimestamp.Time = happened
	return ev
}

func TestNamesTellTheTimeOfTheEvent(t *testing.T) {
	ev := at("1", "2026-02-28T23:59:58+01:00")
	ev.ClusterName = "prod"
	for text, want := range map[string]string{
		"":                          "date=2026-02-28/hour=22",
		"partition: day":            "date=2026-02-28",
		"partition: none":           "",
		"prefix: /a//b/":            "a/b/date=2026-02-28/hour=22",
		"prefix: '../../x'":         "x/date=2026-02-28/hour=22",
		"prefix: \"a\\nb\\u007fc\"": "abc/date=2026-02-28/hour=22",
		"{prefix: 'cluster={{ .ClusterName }}', partition: day}": "cluster=prod/date=2026-02-28",
	} {
		assert.Equal(t, want, sinktest.Encode(t, mustCompile(t, text), ev)[0].Key, text)
	}
	ev = &event.Event{}
	assert.Equal(t, "date=__HIVE_DEFAULT_PARTITION__/hour=__HIVE_DEFAULT_PARTITION__", sinktest.Encode(t, mustCompile(t, ""), ev)[0].Key)
	assert.Empty(t, sinktest.Encode(t, mustCompile(t, "partition: none"), ev)[0].Key)
}

// A batch that comes again overwrites itself, another one does not.
func TestEqualBatchesAreEqualObjects(t *testing.T) {
	a := mustCompile(t, "prefix: p")
	one, two, three := at("1", "2026-02-28T23:00:00Z"), at("2", "2026-02-28T23:10:00Z"), at("3", "2026-02-28T23:20:00Z")
	first, err := a.Object(sinktest.Encode(t, a, one, two, three))
	require.NoError(t, err)
	again, err := mustCompile(t, "prefix: p").Object(sinktest.Encode(t, a, one, two, three))
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.Regexp(t, `^p/date=2026-02-28/hour=23/u\.1_u\.3_[0-9a-f]{16}\.jsonl\.gz$`, first.Name)

	fewer, err := a.Object(sinktest.Encode(t, a, one, three))
	require.NoError(t, err)
	assert.NotEqual(t, first.Name, fewer.Name)
	two.Message += "!"
	changed, err := a.Object(sinktest.Encode(t, a, one, two, three))
	require.NoError(t, err)
	assert.NotEqual(t, first.Name, changed.Name, "the hash is of what is in it")

	odd := sinktest.Encode(t, a, one)
	odd[0].ID = "ns/na me" + strings.Repeat("x", 300)
	object, err := a.Object(odd)
	require.NoError(t, err)
	assert.Contains(t, object.Name, "/ns-na-mexx")
	assert.Less(t, len(object.Name), 250)
}

func TestEveryLineCarriesItsID(t *testing.T) {
	for text, want := range map[string]string{
		"layout: {a: '{{ .Reason }}'}": `{"id":"u.1","a":"%s"}`,
		"layout: {}":                   `{"id":"u.1"}`,
	} {
		a := mustCompile(t, text)
		ev := at("1", "2026-02-28T23:00:00Z")
		object, err := a.Object(sinktest.Encode(t, a, ev, ev))
		require.NoError(t, err)
		r, err := gzip.NewReader(bytes.NewReader(object.Body))
		require.NoError(t, err)
		lines, err := io.ReadAll(r)
		require.NoError(t, err)
		line := want
		if strings.Contains(want, "%s") {
			line = fmt.Sprintf(want, ev.Reason)
		}
		assert.Equal(t, line+"\n"+line+"\n", string(lines))
	}
	for text, want := range map[string]string{
		"layout: {id: x}":    "layout: id is the event's ID in every line of an archive: name yours otherwise",
		"layout: [x]":        "layout: a line of an archive is a mapping",
		"layout: x":          "layout: a line of an archive is a mapping",
		"partition: monthly": `partition: want hour, day or none, got "monthly"`,
	} {
		_, err := compile(t, text)
		assert.EqualError(t, err, want, text)
	}
	_, err := compile(t, "prefix: '{{ .Nope }}'")
	assert.ErrorContains(t, err, "prefix: ")
}

func TestAnObjectDoesNotKeepNorChangeTheBatch(t *testing.T) {
	a := mustCompile(t, "")
	batch := sinktest.Encode(t, a, at("1", "2026-02-28T23:00:00Z"))
	body := bytes.Clone(batch[0].Body)
	object, err := a.Object(batch)
	require.NoError(t, err)
	assert.Equal(t, body, batch[0].Body)
	want := bytes.Clone(object.Body)
	clear(batch[0].Body)
	assert.Equal(t, want, object.Body)
}

func TestABatchThatIsTooLargeIsCut(t *testing.T) {
	a := mustCompile(t, "")
	line := sinks.Record{ID: "u.1", Body: make([]byte, a.Limits().RecordBytes)}
	batch := []sinks.Record{line, line, line, line}
	_, err := a.Object(batch)
	require.NoError(t, err)
	for _, batch := range [][]sinks.Record{
		append(batch, sinks.Record{ID: "u.2", Body: make([]byte, 1)}),
		{{ID: "u.3", Body: make([]byte, a.Limits().RecordBytes+1)}},
	} {
		_, err := a.Object(batch)
		require.Error(t, err)
		assert.True(t, sinks.IsPermanent(err))
	}
}
