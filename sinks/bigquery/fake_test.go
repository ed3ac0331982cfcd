package bigquery

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	api "google.golang.org/api/bigquery/v2"
)

// warehouse is a fake of BigQuery's REST API: datasets, tables with a schema
// that rows are held against, streaming inserts, and reading back.
type warehouse struct {
	url string

	mu       sync.Mutex
	datasets map[string]*api.Dataset
	tables   map[string]*api.Table
	rows     map[string][]map[string]any // by table, one for each insert ID
	seen     map[string]bool             // insert IDs
	unseen   int                         // answers for which a new table cannot be seen yet
	calls    []string
}

func startWarehouse(t *testing.T) *warehouse {
	t.Helper()
	w := &warehouse{datasets: map[string]*api.Dataset{}, tables: map[string]*api.Table{}, rows: map[string][]map[string]any{}, seen: map[string]bool{}}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *warehouse) config() string {
	return "{project: boats, dataset: ops, table: events, location: EU, endpoint: '" + w.url + "'}"
}

func (w *warehouse) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/bigquery/v2/projects/boats/"), "/")
	w.calls = append(w.calls, r.Method+" "+strings.Join(path, "/"))
	status, answer := w.answer(r, path)
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(status)
	_ = json.NewEncoder(out).Encode(answer)
}

func (w *warehouse) answer(r *http.Request, path []string) (int, any) {
	table := ""
	if len(path) > 3 {
		table = path[3]
	}
	switch {
	case len(path) == 1: // datasets
		d := decode[api.Dataset](r)
		return create(w.datasets, d.DatasetReference.DatasetId, d)
	case w.datasets[path[1]] == nil:
		return failure(404, "notFound", "Not found: Dataset boats:"+path[1])
	case len(path) == 3: // datasets/D/tables
		d := decode[api.Table](r)
		return create(w.tables, d.TableReference.TableId, d)
	case w.tables[table] == nil || w.unseen > 0:
		w.unseen = max(0, w.unseen-1)
		return failure(404, "notFound", "Not found: Table boats:"+path[1]+"."+table)
	case len(path) == 4:
		return 200, w.tables[table]
	case path[4] == "data":
		return 200, w.page(w.tables[table], r)
	}
	return 200, w.insert(w.tables[table], decode[api.TableDataInsertAllRequest](r))
}

func decode[T any](r *http.Request) *T {
	var v T
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		panic(http.ErrAbortHandler) // the connection was cut
	}
	return &v
}

func create[T any](all map[string]*T, name string, v *T) (int, any) {
	if all[name] != nil {
		return failure(409, "duplicate", "Already exists: "+name)
	}
	all[name] = v
	return 200, v
}

func failure(code int, reason, message string) (int, any) {
	return code, map[string]any{"error": map[string]any{
		"code": code, "message": message, "errors": []map[string]string{{"reason": reason, "message": message}},
	}}
}

func (w *warehouse) insert(table *api.Table, request *api.TableDataInsertAllRequest) *api.TableDataInsertAllResponse {
	answer := &api.TableDataInsertAllResponse{}
	for i, r := range request.Rows {
		values := map[string]any{}
		for name, v := range r.Json {
			values[name] = v
		}
		if err := misfit(values, table.Schema.Fields); err != nil {
			answer.InsertErrors = append(answer.InsertErrors, &api.TableDataInsertAllResponseInsertErrors{
				Index: int64(i), Errors: []*api.ErrorProto{err}, ForceSendFields: []string{"Index"},
			})
			continue
		}
		if !w.seen[r.InsertId] {
			w.seen[r.InsertId] = true
			w.rows[table.TableReference.TableId] = append(w.rows[table.TableReference.TableId], values)
		}
	}
	return answer
}

// misfit is what BigQuery says of a row that its table cannot take.
func misfit(values map[string]any, columns []*api.TableFieldSchema) *api.ErrorProto {
	known := map[string]*api.TableFieldSchema{}
	for _, c := range columns {
		known[c.Name] = c
	}
	for name, v := range values {
		c := known[name]
		if c == nil {
			return &api.ErrorProto{Reason: "invalid", Location: name, Message: "no such field: " + name}
		}
		if !fits(v, c) {
			return &api.ErrorProto{Reason: "invalid", Location: name, Message: fmt.Sprintf("cannot convert %v to %s", v, c.Type)}
		}
		if inner, ok := v.(map[string]any); ok {
			if err := misfit(inner, c.Fields); err != nil {
				return err
			}
		}
	}
	return nil
}

func fits(v any, c *api.TableFieldSchema) bool {
	if c.Mode == "REPEATED" {
		list, ok := v.([]any)
		one := *c
		one.Mode = ""
		return ok && !slices.ContainsFunc(list, func(e any) bool { return !fits(e, &one) })
	}
	switch v := v.(type) {
	case string:
		switch c.Type {
		case "STRING":
			return true
		case "JSON":
			return json.Valid([]byte(v))
		case "INTEGER":
			_, err := strconv.Atoi(v)
			return err == nil
		case "BOOLEAN":
			return v == "true" || v == "false"
		case "TIMESTAMP":
			at, err := time.Parse(time.RFC3339Nano, v)
			return err == nil && at.Year() > 2000 && at.Year() < 2100
		}
	case float64:
		return c.Type == "INTEGER"
	case bool:
		return c.Type == "BOOLEAN"
	case map[string]any:
		return c.Type == "RECORD"
	}
	return false
}

// page is rows as tabledata.list has them: cells in the order of the schema.
func (w *warehouse) page(table *api.Table, r *http.Request) any {
	all := w.rows[table.TableReference.TableId]
	from, _ := strconv.Atoi(r.URL.Query().Get("pageToken"))
	to := min(from+1000, len(all))
	answer := map[string]any{"totalRows": strconv.Itoa(len(all))}
	var rows []any
	for _, values := range all[from:to] {
		rows = append(rows, cells(values, table.Schema.Fields))
	}
	answer["rows"] = rows
	if to < len(all) {
		answer["pageToken"] = strconv.Itoa(to)
	}
	return answer
}

func cells(values map[string]any, columns []*api.TableFieldSchema) any {
	var f []any
	for _, c := range columns {
		v := values[c.Name]
		switch {
		case v == nil:
		case c.Type == "RECORD":
			v = cells(v.(map[string]any), c.Fields)
		case c.Type == "TIMESTAMP":
			at, err := time.Parse(time.RFC3339Nano, v.(string))
			if err != nil {
				panic(err)
			}
			v = strconv.FormatInt(at.UnixMicro(), 10)
		case c.Type == "INTEGER", c.Type == "BOOLEAN":
			v = fmt.Sprint(v)
		}
		f = append(f, map[string]any{"v": v})
	}
	return map[string]any{"f": f}
}

func (w *warehouse) table(t *testing.T) []map[string]any {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	assert.NotNil(t, w.tables["events"])
	return w.rows["events"]
}
