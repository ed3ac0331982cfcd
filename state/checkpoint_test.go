package state_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
)

const stored = `{
  "version": 1, "revision": 7, "futureTop": {"a": [1, 2]},
  "lease": {"holder": "pod-1", "expires": "2026-01-02T03:04:05Z", "futureLease": 1e400, "": "nameless"},
  "clusters": {
    "uid-1": {
      "dump": {"resourceVersion": "42", "readAt": "2026-01-02T03:04:05Z", "marker": "41", "state": "AQI=", "futureCursor": "<é>"},
      "Dump": {"resourceVersion": "", "readAt": "2026-01-02T03:04:05Z"}
    },
    "": {}
  }
}`

func TestDecodeReadsEveryField(t *testing.T) {
	c, err := state.Decode([]byte(stored))
	require.NoError(t, err)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	require.Equal(t, 1, c.Version)
	require.Equal(t, int64(7), c.Revision)
	require.Equal(t, "pod-1", c.Lease.Holder)
	require.Equal(t, at, c.Lease.Expires)
	require.Len(t, c.Clusters["uid-1"], 2)
	dump := c.Clusters["uid-1"]["dump"]
	require.Equal(t, "42", dump.ResourceVersion)
	require.Equal(t, at, dump.ReadAt)
	require.Equal(t, "41", dump.Marker)
	require.Equal(t, []byte{1, 2}, dump.State)
}

func TestUnknownFieldsSurviveAtEveryLevel(t *testing.T) {
	c, err := state.Decode([]byte(stored))
	require.NoError(t, err)
	next := c.Clone()
	next.Revision++
	next.Lease.Holder = "pod-2"
	next.Set("uid-1", "dump", state.Cursor{ResourceVersion: "43"})
	next.Set("uid-2", "renamed", c.Clusters["uid-1"]["dump"])
	b, err := state.Encode(next)
	require.NoError(t, err)

	var got struct {
		FutureTop json.RawMessage
		Lease     map[string]json.RawMessage
		Clusters  map[string]map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal(b, &got))
	require.JSONEq(t, `{"a": [1, 2]}`, string(got.FutureTop))
	require.Equal(t, "1e400", string(got.Lease["futureLease"]))
	require.Equal(t, `"nameless"`, string(got.Lease[""]))
	require.Equal(t, `"pod-2"`, string(got.Lease["holder"]))
	require.JSONEq(t, `"<é>"`, string(got.Clusters["uid-1"]["dump"]["futureCursor"]))
	require.Equal(t, `"43"`, string(got.Clusters["uid-1"]["dump"]["resourceVersion"]))
	require.JSONEq(t, `"<é>"`, string(got.Clusters["uid-2"]["renamed"]["futureCursor"]))
	require.Equal(t, "42", c.Clusters["uid-1"]["dump"].ResourceVersion, "a change of the clone must not reach the original")
	require.NotContains(t, c.Clusters, "uid-2")
}

func TestDecodeRefuses(t *testing.T) {
	const lease = `"lease": {"holder": "", "expires": "2026-01-02T03:04:05Z"}`
	doc := func(clusters string) string {
		return `{"version": 1, "revision": 1, ` + lease + `, "clusters": ` + clusters + `}`
	}
	_, err := state.Decode([]byte(doc(`{"u": {"r": {"resourceVersion": "1", "readAt": "2026-01-02T03:04:05Z"}}}`)))
	require.NoError(t, err, "the cases below must differ from a good one only in their fault")

	deep := strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000)
	for name, test := range map[string]struct{ raw, says string }{
		"nothing":                     {"", "empty"},
		"null":                        {"null", "no version"},
		"a list":                      {"[]", "not JSON with a version"},
		"half of it":                  {stored[:len(stored)/2], "not JSON with a version"},
		"something behind it":         {doc(`{}`) + "x", "not JSON with a version"},
		"no version":                  {`{}`, "no version"},
		"version null":                {`{"version": null}`, "no version"},
		"version 0":                   {`{"version": 0}`, "no version"},
		"version below 0":             {`{"version": -1}`, "no version"},
		"version as text":             {`{"version": "1"}`, "not JSON with a version"},
		"version with a fraction":     {`{"version": 1.5}`, "not JSON with a version"},
		"version huge":                {`{"version": 99999999999999999999}`, "not JSON with a version"},
		"version of a newer release":  {`{"version": 2, "clusters": 5}`, "format is version 2"},
		"version twice":               {`{"version": 9, "version": 1, "clusters": {}}`, `"version" stands twice`},
		"revision huge":               {`{"version": 1, "revision": 9223372036854775808, "clusters": {}}`, "revision"},
		"revision below 0":            {`{"version": 1, "revision": -1, "clusters": {}}`, "revision is -1"},
		"revision 1e400":              {`{"version": 1, "revision": 1e400, "clusters": {}}`, "revision"},
		"lease null":                  {`{"version": 1, "lease": null, "clusters": {}}`, "null where an object"},
		"lease without a real time":   {`{"version": 1, "lease": {"expires": "soon"}, "clusters": {}}`, "soon"},
		"clusters missing":            {`{"version": 1}`, "clusters is missing or null"},
		"clusters null":               {doc(`null`), "clusters is missing or null"},
		"clusters a list":             {doc(`[]`), "cannot unmarshal array"},
		"cluster null":                {doc(`{"u": null}`), `cluster "u" is null`},
		"cursor null":                 {doc(`{"u": {"r": null}}`), "null where an object"},
		"cursor a text":               {doc(`{"u": {"r": "42"}}`), "cannot unmarshal string"},
		"cluster twice":               {doc(`{"u": {"a": {}}, "u": {"b": {}}}`), `"u" stands twice`},
		"receiver twice, escaped":     {doc(`{"u": {"a": {"resourceVersion": "1"}, "\u0061": {}}}`), `"a" stands twice`},
		"receivers of half a rune":    {doc(`{"u": {"\ud800": {}, "\ud801": {}}}`), "stands twice"},
		"field in another spelling":   {doc(`{"u": {"r": {"resourceversion": "1"}}}`), `must be written "resourceVersion"`},
		"field in two spellings":      {doc(`{"u": {"r": {"resourceVersion": "1", "RESOURCEVERSION": "9"}}}`), `must be written "resourceVersion"`},
		"resourceVersion not one":     {doc(`{"u": {"r": {"resourceVersion": "12a"}}}`), `receiver "r" in cluster "u": resourceVersion "12a"`},
		"resourceVersion below 0":     {doc(`{"u": {"r": {"resourceVersion": "-1"}}}`), "is not a number"},
		"resourceVersion with zeros":  {doc(`{"u": {"r": {"resourceVersion": "007"}}}`), "is not a number"},
		"resourceVersion as a number": {doc(`{"u": {"r": {"resourceVersion": 7}}}`), "cannot unmarshal number"},
		"marker not one":              {doc(`{"u": {"r": {"marker": "x"}}}`), `marker "x"`},
		"state not base64":            {doc(`{"u": {"r": {"state": "%%"}}}`), "illegal base64"},
		"broken UTF-8":                {doc(`{"u": {"r` + "\xff" + `": {}}}`), "not UTF-8"},
		"UTF-16":                      {"\xff\xfe{\x00}\x00", "not UTF-8"},
		"deep nesting":                {`{"version": 1, "clusters": {}, "x": ` + deep + `}`, "exceeded max depth"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := state.Decode([]byte(test.raw))
			require.ErrorIs(t, err, state.ErrUnreadable)
			require.ErrorContains(t, err, test.says)
			require.Less(t, len(err.Error()), 500)
			require.Equal(t, state.Checkpoint{}, c)
		})
	}
}

func TestEncodeRefusesWhatDecodeWouldRefuse(t *testing.T) {
	for name, broken := range map[string]state.Checkpoint{
		"revision overflowed": {Revision: math.MinInt64},
		"resourceVersion":     {Clusters: map[string]map[string]state.Cursor{"u": {"r": {ResourceVersion: "x"}}}},
		"marker":              {Clusters: map[string]map[string]state.Cursor{"u": {"r": {Marker: "x"}}}},
		"name not UTF-8":      {Clusters: map[string]map[string]state.Cursor{"u": {"r\xff": {}}}},
		"year 10000":          {Lease: state.Lease{Expires: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := state.Encode(broken)
			require.ErrorContains(t, err, "encode checkpoint: ")
		})
	}
}

func TestEncodeOfTheZeroCheckpointCanBeDecoded(t *testing.T) {
	for name, c := range map[string]state.Checkpoint{
		"nothing in it":       {},
		"a nil cluster":       {Clusters: map[string]map[string]state.Cursor{"u": nil}},
		"revision at the end": {Revision: math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := state.Encode(c)
			require.NoError(t, err)
			got, err := state.Decode(b)
			require.NoError(t, err)
			require.Equal(t, state.Version, got.Version)
			require.Equal(t, c.Revision, got.Revision)
			require.NotNil(t, got.Clusters)
		})
	}
}

func TestSetOnTheZeroCheckpoint(t *testing.T) {
	var c state.Checkpoint
	c.Set("u", "r", state.Cursor{ResourceVersion: "9"})
	require.Equal(t, "9", c.Clusters["u"]["r"].ResourceVersion)
}

// The example in the README is the documented format.
func TestReadmeExampleDecodes(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "```json\n")
	require.True(t, found, "the README has no example")
	example, _, _ := strings.Cut(rest, "```")
	c, err := state.Decode([]byte(example))
	require.NoError(t, err)
	again, err := state.Encode(c)
	require.NoError(t, err)
	require.Equal(t, example, string(again), "the example must be what this program writes")
	for _, receivers := range c.Clusters {
		for name, cursor := range receivers {
			require.NotEmpty(t, cursor.Marker+string(cursor.State), "receiver %s: the example shows every field", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(stored))
	f.Add([]byte(`{"version":1,"clusters":{"":{"\u2028":{"resourceVersion":"18446744073709551616","state":""}}}}`))
	f.Add([]byte(`{"version":1,"lease":{"expires":"0000-01-01T00:00:00.000000001+23:59"},"clusters":{},"":null,"ſtate":{}}`))
	f.Add([]byte(`{"Version":1,"clusters":null}`))
	f.Add([]byte("{\"version\":1,\"x\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := state.Decode(raw)
		if err != nil {
			require.ErrorIs(t, err, state.ErrUnreadable)
			return
		}
		once, err := state.Encode(c)
		require.NoError(t, err, "what was read can be written")
		again, err := state.Decode(once)
		require.NoError(t, err, "what was written can be read")
		twice, err := state.Encode(again)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice), "nothing is lost on the way")
		require.Equal(t, fields(t, raw), fields(t, once), "every unknown field is still there")
	})
}

// fields is a document as plain JSON without what this program may rewrite: a
// field that it knows and that was absent, null or spelled in another way.
func fields(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var all map[string]any
	require.NoError(t, dec.Decode(&all))
	for _, known := range []string{"version", "revision", "lease", "clusters"} {
		delete(all, known)
	}
	return all
}
