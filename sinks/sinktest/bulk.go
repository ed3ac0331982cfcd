package sinktest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/sinks"
)

// NewBulkService is a service with the bulk API of Elasticsearch and OpenSearch,
// which takes requests of at most so many bytes. It reports refusals within a
// 200, each with the text of the document that it is about, as the real ones do.
func NewBulkService(t *testing.T, maxBytes int) *HTTPService {
	t.Helper()
	s := NewHTTPService(t, func(r *http.Request, body []byte) []Delivery {
		assert.Equal(t, "/_bulk", r.URL.Path)
		assert.Equal(t, "application/x-ndjson", r.Header.Get("Content-Type"))
		return bulkItems(t, body)
	})
	s.Limit(sinks.Limits{Bytes: maxBytes})
	s.Refuse(func(w http.ResponseWriter, a Answer, got []Delivery) bool {
		switch a.Outcome {
		case Accepted, Partly, Malformed:
			return assert.NoError(t, json.NewEncoder(w).Encode(bulkAnswer(a, got)))
		}
		return false
	})
	return s
}

func bulkItems(t *testing.T, body []byte) []Delivery {
	var got []Delivery
	for len(body) > 0 {
		action, rest, _ := bytes.Cut(body, []byte("\n"))
		document, rest, ended := bytes.Cut(rest, []byte("\n"))
		var to map[string]struct {
			ID string `json:"_id"`
		}
		assert.NoError(t, json.Unmarshal(action, &to))
		assert.True(t, ended && json.Valid(document), "a line of JSON")
		for _, target := range to {
			got = append(got, Delivery{Key: target.ID, Body: bytes.Clone(body[:len(action)+len(document)+2])})
		}
		body = rest
	}
	return got
}

func bulkAnswer(a Answer, got []Delivery) any {
	status, kind := http.StatusBadRequest, "document_parsing_exception"
	if a.After > 0 {
		status, kind = http.StatusTooManyRequests, "es_rejected_execution_exception"
	}
	type refusal struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	}
	type item struct {
		Status int      `json:"status"`
		Error  *refusal `json:"error,omitempty"`
	}
	items := []map[string]item{}
	for i, d := range got {
		it := item{Status: http.StatusCreated}
		if a.Outcome == Malformed || slices.Contains(a.Refused, i) {
			it = item{status, &refusal{kind, "no. Preview of field's value: '" + string(d.Body) + "'"}}
		}
		items = append(items, map[string]item{"index": it})
	}
	return map[string]any{"errors": a.Outcome != Accepted, "items": items}
}
