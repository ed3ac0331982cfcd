package bigquery

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	api "google.golang.org/api/bigquery/v2"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// upstreamTable is what a load job with schema detection makes of an event whose
// keys upstream made fit: a column for each label, numbers in texts as INTEGER.
func upstreamTable() []*api.TableFieldSchema {
	owners := record("ownerReferences", text("apiVersion"), text("kind"), text("name"), text("uid"))
	owners.Mode = "REPEATED"
	finalizers := text("finalizers")
	finalizers.Mode = "REPEATED"
	return []*api.TableFieldSchema{
		record("metadata", text("name"), text("namespace"), text("uid"), column("resourceVersion", "INTEGER"), column("creationTimestamp", "TIMESTAMP"), finalizers),
		text("reason"), text("message"), text("type"), text("clusterName"), column("count", "STRING"),
		record("source", text("component"), text("host")),
		column("firstTimestamp", "TIMESTAMP"), column("lastTimestamp", "TIMESTAMP"),
		text("reportingComponent"), text("reportingInstance"),
		record("involvedObject", text("kind"), text("name"), text("namespace"), column("deleted", "BOOLEAN"), owners,
			record("labels", text("app"), text("app_kubernetes_io_name"), text("a_b"), column("version", "INTEGER"), text("_8x"), text("_")),
			record("annotations", text("example_com_team"))),
	}
}

func withTable(t *testing.T, columns ...*api.TableFieldSchema) *warehouse {
	t.Helper()
	w := startWarehouse(t)
	w.datasets["ops"] = &api.Dataset{}
	w.tables["events"] = &api.Table{TableReference: &api.TableReference{TableId: "events"}, Schema: &api.TableSchema{Fields: columns}}
	return w
}

// An existing configuration goes on with the table that it has.
func TestATableOfUpstreamGoesOn_DS29(t *testing.T) {
	w := withTable(t, upstreamTable()...)
	s := sinktest.MustOpen(t, Kind, w.config())
	for _, c := range sinktest.Events() {
		if c.Name == "hostile-text" {
			c.Event.Finalizers = []string{"a", "b"}
			c.Event.InvolvedObject.Labels["8x"] = "eight"
			c.Event.InvolvedObject.Labels["version"] = "7"
		}
		require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, c.Event)), c.Name)
	}
	rows := w.table(t)
	require.Len(t, rows, len(sinktest.Events()))
	first, last := rows[0], rows[len(rows)-1]
	object, ok := first["involvedObject"].(map[string]any)
	require.True(t, ok)
	assert.Equal(t, map[string]any{"app": "web", "app_kubernetes_io_name": "web"}, object["labels"])
	assert.Equal(t, map[string]any{"example_com_team": "shop"}, object["annotations"])
	assert.Equal(t, []any{map[string]any{
		"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-6d5f", "uid": "aaaaaaaa-0000-4000-8000-000000000002",
	}}, object["ownerReferences"])
	assert.Equal(t, "17", first["count"], "in the type that the column has")
	assert.NotContains(t, first, "id", "what the table has no column for")
	metadata, ok := first["metadata"].(map[string]any)
	require.True(t, ok)
	assert.Equal(t, "101", metadata["resourceVersion"], "with the UID what a repetition is known by")

	object, ok = last["involvedObject"].(map[string]any)
	require.True(t, ok)
	assert.Equal(t, map[string]any{"_8x": "eight", "_": "empty", "version": "7", "a_b": "2"}, object["labels"],
		"of a.b and a_b the one that has the column's name")
	metadata, ok = last["metadata"].(map[string]any)
	require.True(t, ok)
	assert.Equal(t, []any{"a", "b"}, metadata["finalizers"])
	assert.Equal(t, "GET datasets/ops/tables/events", w.calls[0])
	assert.NotContains(t, w.calls[1:], w.calls[0], "the table is looked at once")
}

func TestAValueThatDoesNotFitIsRefusedByItself(t *testing.T) {
	w := withTable(t, upstreamTable()...)
	s := sinktest.MustOpen(t, Kind, w.config())
	bad := event.Sample()
	bad.InvolvedObject.Labels["version"] = "7-beta"
	err := s.Send(t.Context(), sinktest.Encode(t, s, bad, sinktest.Events()[0].Event))
	var partial *sinks.PartialError
	require.ErrorAs(t, err, &partial)
	require.Len(t, partial.Refused, 1)
	assert.True(t, sinks.IsPermanent(partial.Refused[0]))
	assert.Len(t, w.table(t), 1)
}

func TestATableOfSomethingElseStops(t *testing.T) {
	for _, columns := range [][]*api.TableFieldSchema{nil, {text("customer")}} {
		w := withTable(t, columns...)
		s := sinktest.MustOpen(t, Kind, w.config())
		err := s.Send(t.Context(), sinktest.Encode(t, s, event.Sample()))
		require.EqualError(t, err, "the table has no column for anything that an event has")
		assert.True(t, sinks.IsStop(err))
		assert.Empty(t, w.rows)
	}
}

// A table of an earlier version, or one with columns of the user's own, is ours
// as far as it goes; the API may call types by their newer names.
func TestATableThatIsNearlyOurs(t *testing.T) {
	for _, c := range schema() {
		if kindOf(c) == "RECORD" {
			continue
		}
		var columns []*api.TableFieldSchema
		for _, there := range schema() {
			if there.Name != c.Name {
				columns = append(columns, there)
			}
		}
		assert.Equal(t, []string{c.Name}, misses(columns, schema(), ""))
	}
	for older, newer := range map[string]string{"INTEGER": "INT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"} {
		assert.Equal(t, older, kindOf(column("c", newer)))
	}
	assert.Empty(t, misses(append(schema(), text("mine")), schema(), ""))

	w := withTable(t, schema()[1:]...)
	s := sinktest.MustOpen(t, Kind, w.config())
	require.NoError(t, s.Send(t.Context(), sinktest.Encode(t, s, event.Sample())))
	assert.NotContains(t, w.table(t)[0], "id")
}

// Whatever an event has, our own table has a column for.
func TestOurTableLacksNothing(t *testing.T) {
	ours := sinktest.MustOpen(t, Kind, configOf("http://127.0.0.1:1"))
	s, ok := ours.(*sink)
	require.True(t, ok)
	for _, c := range sinktest.Events() {
		payload, err := s.payload(c.Event)
		require.NoError(t, err)
		values, err := object(payload)
		require.NoError(t, err)
		fitted, err := fit(values, s.columns)
		require.NoError(t, err)
		for key, value := range values {
			if string(value) == "null" {
				continue
			}
			require.Contains(t, fitted, key, c.Name)
			if value[0] == '{' {
				before, err := object(value)
				require.NoError(t, err)
				after, err := object(fitted[key])
				require.NoError(t, err)
				assert.Len(t, after, len(before), "%s: %s", c.Name, key)
			}
		}
	}
}
