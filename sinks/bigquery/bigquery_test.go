package bigquery

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	api "google.golang.org/api/bigquery/v2"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// scripted is a service whose table is there, and is ours.
func scripted(t *testing.T) *sinktest.HTTPService {
	t.Helper()
	s := scriptedInserts(t)
	inserts, err := url.Parse(s.URL)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(inserts)
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_ = json.NewEncoder(w).Encode(api.Table{Schema: &api.TableSchema{Fields: schema()}})
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	s.URL = front.URL
	return s
}

func scriptedInserts(t *testing.T) *sinktest.HTTPService {
	t.Helper()
	s := sinktest.NewHTTPService(t, func(r *http.Request, body []byte) []sinktest.Delivery {
		assert.Equal(t, "/bigquery/v2/projects/boats/datasets/ops/tables/events/insertAll", r.URL.Path)
		var request struct {
			SkipInvalidRows bool
			Rows            []struct {
				InsertID string          `json:"insertId"`
				JSON     json.RawMessage `json:"json"`
			}
		}
		assert.NoError(t, json.Unmarshal(body, &request))
		assert.True(t, request.SkipInvalidRows, "else one row refuses all")
		assert.LessOrEqual(t, len(body), maxRequest)
		var got []sinktest.Delivery
		for _, row := range request.Rows {
			got = append(got, sinktest.Delivery{Key: row.InsertID, Body: row.JSON})
		}
		return got
	})
	s.Refuse(func(w http.ResponseWriter, a sinktest.Answer, got []sinktest.Delivery) bool {
		refused := a.Refused
		switch a.Outcome {
		case sinktest.Accepted:
		case sinktest.Malformed:
			for i := range got {
				refused = append(refused, i)
			}
		case sinktest.Partly:
		default:
			return false
		}
		reason := "invalid"
		if a.After > 0 { // the refused may come again
			reason = "stopped"
		}
		answer := &api.TableDataInsertAllResponse{}
		for _, i := range refused {
			answer.InsertErrors = append(answer.InsertErrors, &api.TableDataInsertAllResponseInsertErrors{
				Index: int64(i), ForceSendFields: []string{"Index"},
				Errors: []*api.ErrorProto{{Reason: reason, Location: "count", Message: "cannot convert " + string(got[i].Body)}},
			})
		}
		_ = json.NewEncoder(w).Encode(answer)
		return true
	})
	return s
}

func configOf(url string) string {
	return "project: boats\ndataset: ops\ntable: events\nendpoint: " + url + "\n"
}

func TestConformance(t *testing.T) {
	for name, more := range map[string]string{
		"default": "batch_size: 40\n",
		"layout":  "batch_size: 40\nlayout: {text: '{{ .Message }}', reason: '{{ .Reason }}', count: !json '{{ .Count }}'}\ndeDot: true\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := sinktest.Harness{
				Golden:      "testdata/" + name,
				EventOfSize: sinktest.EventOfSize,
				NoSecrets:   "the configuration names a credentials file; sinks/gcpclient tests what comes out of it",
				Start: func(t *testing.T) sinktest.Destination {
					s := scripted(t)
					return sinktest.Destination{Kind: Kind, Service: s, Config: configOf(s.URL) + more}
				},
			}
			h.NoRecordByteLimit = "a row may fill a request: it is the limit of that"
			if name == "layout" {
				h.NoByteLimit = "it is the one without a layout, which is slow to fill: see there"
			}
			sinktest.Run(t, h)
		})
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	const whole = "project: p\ndataset: d\ntable: t\n"
	for config, want := range map[string]string{
		"{dataset: d, table: t}":        "project: is missing",
		"{project: p, table: t}":        "dataset: is missing",
		"{project: p, dataset: d}":      "table: is missing",
		whole + "batch_size: -1":        "batch_size: -1 is negative",
		whole + "timeout_seconds: -1":   "timeout_seconds: -1 is negative",
		whole + "max_retries: -1":       "max_retries: -1 is negative",
		whole + "interval_seconds: -1":  "interval_seconds: -1 is negative",
		whole + "endpoint: example.com": "endpoint: want a URL without a path, such as https://europe-west3-pubsub.googleapis.com or http://127.0.0.1:8085",
		whole + "layout: [a]":           "layout: a row is a mapping of columns to values",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
	for size, rows := range map[int]int{0: 1000, 1: 1, 1000: 1000, 1_000_000: maxRows} {
		limits := sinktest.MustOpen(t, Kind, fmt.Sprintf("%sbatch_size: %d", whole, size)).Limits()
		assert.Equal(t, rows, limits.Records)
		assert.Greater(t, limits.Bytes, 7_000_000)
	}
}

// Upstream loads a batch as a file, in a job: a failure of it was never seen,
// and there are 1,500 jobs a day.
func TestAFailureIsSeenAndIsolated_DS29(t *testing.T) {
	w := startWarehouse(t)
	s := sinktest.MustOpen(t, Kind, w.config())
	good, bad, other := event.Sample(), event.Sample(), event.Sample()
	bad.ResourceVersion, bad.EventTime.Time = "2", bad.EventTime.AddDate(9000, 0, 0)
	other.ResourceVersion = "3"
	err := s.Send(t.Context(), sinktest.Encode(t, s, good, bad, other))
	var partial *sinks.PartialError
	require.ErrorAs(t, err, &partial)
	require.Len(t, partial.Refused, 1)
	assert.EqualError(t, partial.Refused[1], "the row was refused: invalid eventTime")
	assert.True(t, sinks.IsPermanent(partial.Refused[1]))
	assert.Len(t, w.table(t), 2)
}

func TestARowThatWasOnlyUnluckyComesAgain(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_ = json.NewEncoder(w).Encode(api.Table{Schema: &api.TableSchema{Fields: schema()}})
			return
		}
		_, _ = io.WriteString(w, `{"insertErrors":[{"index":0,"errors":[{"reason":"stopped"}]},{"index":1,"errors":[{"reason":"backendError"},{"reason":"timeout"}]}]}`)
	}))
	t.Cleanup(server.Close)
	s := sinktest.MustOpen(t, Kind, configOf(server.URL))
	err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample(), event.Sample()))
	var partial *sinks.PartialError
	require.ErrorAs(t, err, &partial)
	require.Len(t, partial.Refused, 2)
	for _, reason := range partial.Refused {
		assert.False(t, sinks.IsPermanent(reason))
	}
	err = s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
	require.EqualError(t, err, "insert rows: the answer names row 1 of 1")
	assert.False(t, sinks.IsPermanent(err))
}

func TestATableIsCreatedOnce_DS29(t *testing.T) {
	w := startWarehouse(t)
	s := sinktest.MustOpen(t, Kind, w.config())
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	const table, tables = "datasets/ops/tables/events", "POST datasets/ops/tables"
	const look, insert = "GET " + table, "POST " + table + "/insertAll"
	assert.Equal(t, []string{look, tables, "POST datasets", tables, insert, look, insert, insert}, w.calls)
	assert.Equal(t, "EU", w.datasets["ops"].Location)
	assert.Equal(t, &api.TimePartitioning{Type: "DAY", Field: "time"}, w.tables["events"].TimePartitioning)
	assert.Len(t, w.table(t), 1, "the insert ID makes a repetition none")

	// A new table cannot be seen at once, and may be created twice.
	late := startWarehouse(t)
	late.datasets["ops"], late.unseen = &api.Dataset{}, 3
	s = sinktest.MustOpen(t, Kind, late.config())
	for range 2 {
		err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
		if err == nil {
			break
		}
		assert.False(t, sinks.IsStop(err) || sinks.IsPermanent(err), err)
		assert.NotZero(t, sinks.RetryDelay(err))
	}
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))

	for _, more := range []string{"create_table: false", "layout: {a: b}"} {
		s := sinktest.MustOpen(t, Kind, configOf(startWarehouse(t).url)+more)
		err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
		require.ErrorContains(t, err, "answered 404 Not Found: Not found: Dataset boats:ops")
		assert.True(t, sinks.IsStop(err))
	}
}

func TestATableThatCannotBeCreatedStops(t *testing.T) {
	for status, stops := range map[int]bool{400: true, 403: true, 404: true, 503: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.WriteHeader(status)
		}))
		t.Cleanup(server.Close)
		s := sinktest.MustOpen(t, Kind, configOf(server.URL))
		err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
		require.ErrorContains(t, err, fmt.Sprintf("create the table: answered %d", status))
		assert.Equal(t, stops, sinks.IsStop(err))
		assert.False(t, sinks.IsPermanent(err))
	}
}

// What people may choose the keys of is no column: nothing collides.
func TestKeysThatCollided_DS29(t *testing.T) {
	w := startWarehouse(t)
	s := sinktest.MustOpen(t, Kind, w.config())
	for _, c := range sinktest.Events() {
		require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, c.Event)), c.Name)
	}
	rows := w.table(t)
	require.Len(t, rows, len(sinktest.Events()))
	hostile := rows[slices.IndexFunc(rows, func(r map[string]any) bool { return r["id"] == "55555555-5555-4555-8555-555555555555.105" })]
	assert.JSONEq(t, `{"a.b":"1","a_b":"2","":"empty","quote\"":"\n"}`, hostile["involvedObject"].(map[string]any)["labels"].(string))
}

func TestInsertIDsFit(t *testing.T) {
	ev := event.Sample()
	ev.UID, ev.Name = "", strings.Repeat("n", 253)
	assert.Len(t, insertID(ev.ID()), 64)
	assert.Equal(t, "u.1", insertID("u.1"))
}

func TestOpenLooksForNoCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/does/not/exist")
	t.Setenv("BIGQUERY_EMULATOR_HOST", "")
	s := sinktest.MustOpen(t, Kind, "{project: p, dataset: d, table: t, credentials_path: /does/not/exist}")
	err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
	require.EqualError(t, err, "insert rows: read credentials_path: open /does/not/exist: no such file or directory")
	assert.True(t, sinks.IsStop(err))
}
