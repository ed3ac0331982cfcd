package bulk

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func opened(t *testing.T, config string) sinks.Sink {
	t.Helper()
	var c Config
	require.NoError(t, yaml.Unmarshal([]byte(config), &c))
	s, err := Open(c, sinktest.Env(io.Discard), func(http.RoundTripper, http.Header) (Client, error) { return nil, nil })
	require.NoError(t, err)
	return s
}

func lines(t *testing.T, s sinks.Sink, ev *event.Event) (to target, document map[string]any) {
	t.Helper()
	r, err := s.Encode(ev)
	require.NoError(t, err)
	parts := strings.Split(string(r.Body), "\n")
	require.Len(t, parts, 3, "two lines, each ended")
	var action map[string]target
	require.NoError(t, json.Unmarshal([]byte(parts[0]), &action))
	require.NoError(t, json.Unmarshal([]byte(parts[1]), &document))
	for _, only := range action {
		to = only
	}
	return to, document
}

// The date is the event's, in UTC, whatever the clock and the zone say now.
func TestTheIndexHasTheDateOfTheEvent_DS14(t *testing.T) {
	at := time.Date(2024, 12, 31, 23, 30, 0, 0, time.FixedZone("x", -3600))
	ev := &event.Event{}
	ev.LastTimestamp, ev.Namespace = metav1.NewTime(at), "shop"
	for config, want := range map[string]string{
		"indexFormat: 'a-{2006-01-02}'":           "a-2025-01-01",
		"indexFormat: 'a-{2006}-{01}'":            "a-2025-01",
		"indexFormat: 'a-{2006}'\nindex: b":       "a-2025",
		"index: b":                                "b",
		"index: 'k-{{ .Namespace }}'":             "k-shop",
		"index: 'k-{{ .GetTimestampMs }}'":        fmt.Sprint("k-", at.UnixMilli()),
		"indexFormat: '{2006.01}-{15}h{04}'":      "2025.01-00h30",
		"index: 'k'\nindexFormat: 'no-date-here'": "no-date-here",
	} {
		to, _ := lines(t, opened(t, config), ev)
		assert.Equal(t, want, to.Index, config)
	}
}

func TestAnEventCannotChooseAnImpossibleIndex(t *testing.T) {
	s := opened(t, "index: 'k{{ .Reason }}'")
	for _, reason := range []string{"Upper", "a b", "a/../b", "a\"}}\n", "a*", strings.Repeat("x", 256), "a:b"} {
		_, err := s.Encode(&event.Event{Event: withReason(reason)})
		assert.ErrorContains(t, err, "index, as rendered for this event", reason)
	}
	for _, name := range []string{"", ".", "..", "-a", "_a", "+a"} {
		assert.Error(t, checkIndexName(name), name)
	}
}

func TestDocumentIDs(t *testing.T) {
	older, newer := event.Sample(), event.Sample()
	newer.ResourceVersion = "43"
	ids := func(config string) (a, b target) {
		s := opened(t, "index: x\n"+config)
		a, _ = lines(t, s, older)
		b, _ = lines(t, s, newer)
		return a, b
	}
	a, b := ids("")
	assert.NotEqual(t, a.ID, b.ID, "a document for each version")
	a, b = ids("useEventID: true")
	assert.Equal(t, a.ID, b.ID, "one document for all versions")
	assert.Equal(t, string(older.UID), a.ID)
	assert.Less(t, a.Version, b.Version, "an older one never replaces a newer one")
	assert.Equal(t, "external_gte", b.VersionType)
	a, _ = ids("generateID: true")
	assert.Empty(t, a.ID)

	nameless := &event.Event{}
	nameless.Name = strings.Repeat("n", 600)
	to, _ := lines(t, opened(t, "index: x\nuseEventID: true"), nameless)
	assert.Len(t, to.ID, 64)
	assert.Zero(t, to.Version)
}

func TestADataStreamHasATimestamp_DS13(t *testing.T) {
	ev := event.Sample()
	for config, want := range map[string]any{
		"":                             nil,
		"dataStream: true":             ev.Time().Format(time.RFC3339Nano),
		"dataStream: true\nlayout: {}": ev.Time().Format(time.RFC3339Nano),
		"layout: {'@timestamp': x}":    "x",
		"dataStream: true\nlayout: {'@timestamp': x}": "x",
	} {
		_, document := lines(t, opened(t, "index: x\n"+config), ev)
		assert.Equal(t, want, document["@timestamp"], config)
	}
	r, err := opened(t, "index: x\ndataStream: true\nlayout: {'@timestamp': x}").Encode(ev)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(r.Body), "@timestamp"), "not a second one")
	_, err = opened(t, "index: x\ndataStream: true").Encode(&event.Event{})
	assert.ErrorContains(t, err, "the event has no time")
}

func TestVerdicts(t *testing.T) {
	const accepted, again, never, stop = "accepted", "again", "never", "stop"
	for answer, want := range map[string]string{
		`{"index":{"status":200}}`: accepted,
		`{"index":{"status":201}}`: accepted,
		`{"create":{"status":409,"error":{"type":"version_conflict_engine_exception"}}}`:                       accepted,
		`{"index":{"status":429,"error":{"type":"es_rejected_execution_exception"}}}`:                          again,
		`{"index":{"status":429,"error":{"type":"cluster_block_exception","reason":"flood-stage watermark"}}}`: again,
		`{"index":{"status":500}}`: again,
		`{"index":{"status":503,"error":{"type":"unavailable_shards_exception"}}}`:                                      again,
		`{"index":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse field [count]"}}}`: never,
		`{"index":{"status":400,"error":{"type":"strict_dynamic_mapping_exception"}}}`:                                  never,
		`{"index":{"status":413}}`:                                              never,
		`{"index":{"status":401}}`:                                              stop,
		`{"index":{"status":403,"error":{"type":"security_exception"}}}`:        stop,
		`{"index":{"status":404,"error":{"type":"index_not_found_exception"}}}`: stop,
		`{}`: again,
		`{"index":{"status":400,"error":{"type":"index_closed_exception","reason":"closed"}}}`:                                                                                                                   stop,
		`{"index":{"status":400,"error":{"type":"routing_missing_exception","reason":"routing is required for [x]/[1]"}}}`:                                                                                       stop,
		`{"index":{"status":400,"error":{"type":"validation_exception","reason":"Validation Failed: 1: this action would add [2] total shards, but this cluster currently has [10]/[1] maximum shards open;"}}}`: stop,
		`{"index":{"status":400,"error":{"type":"illegal_argument_exception","reason":"pipeline with id [x] does not exist"}}}`:                                                                                  stop,
		`{"index":{"status":400,"error":{"reason":"only write ops with an op_type of create are allowed in data streams"}}}`:                                                                                     stop,
		`{"index":{"status":400,"error":{"reason":"no write index is defined for alias [x]. The write index may be explicitly"}}}`:                                                                               stop,
	} {
		got := accepted
		err := judge([]byte(`{"errors":true,"items":[{"index":{"status":201}},`+answer+`]}`), 2)
		if err != nil {
			var partial *sinks.PartialError
			require.ErrorAs(t, err, &partial, answer)
			require.Len(t, partial.Refused, 1, answer)
			switch err := partial.Refused[1]; {
			case sinks.IsStop(err):
				got = stop
			case sinks.IsPermanent(err):
				got = never
			default:
				require.Error(t, err)
				got = again
			}
		}
		assert.Equal(t, want, got, answer)
	}
}

func TestAnAnswerThatIsNoneIsTransient(t *testing.T) {
	for _, answer := range []string{
		"", "<html>", "{}", `{"errors":false}`, `{"errors":false,"items":[]}`, `{"errors":false,"items":[{"index":{"status":201}}]}`,
		`{"error":"line 3 is not JSON","items":[]}`,
	} {
		err := judge([]byte(answer), 2)
		require.Error(t, err, answer)
		assert.False(t, sinks.IsPermanent(err) || sinks.IsStop(err), answer)
	}
}

func TestErrorsQuoteNoDocument(t *testing.T) {
	err := judge([]byte(`{"errors":true,"items":[{"index":{"status":400,"error":{"type":"document_parsing_exception",`+
		`"reason":"failed to parse field [count] of type [date]. Preview of field's value: 'body-text'"}}}]}`), 1)
	require.ErrorContains(t, err, "failed to parse field [count] of type [date]")
	assert.NotContains(t, err.Error(), "body-text")
}

func withReason(reason string) (ev corev1.Event) {
	ev.Reason = reason
	return ev
}
