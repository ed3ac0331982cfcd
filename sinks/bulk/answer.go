package bulk

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// answer is what the service says to a bulk request that it has looked at.
type answer struct {
	Errors bool              `json:"errors"`
	Error  json.RawMessage   `json:"error"`
	Items  []map[string]item `json:"items"` // by operation, in the order of the request
}

type item struct {
	Status int `json:"status"`
	Error  struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	} `json:"error"`
}

// judge reads an answer to a batch of n: status 200 says only that the service
// has looked at every item.
func judge(body []byte, n int) error {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return errors.New("bulk: the answer is not that of a bulk request")
	}
	if len(a.Items) != n {
		// Whatever was taken of it is recognised by its _id when it comes again.
		return fmt.Errorf("bulk: the answer speaks of %d documents, %d were sent: %s", len(a.Items), n, httppost.Line(string(a.Error)))
	}
	partial := &sinks.PartialError{Refused: map[int]error{}}
	for i, operations := range a.Items {
		err := errors.New("the answer says nothing about it")
		for _, result := range operations {
			err = result.judge()
		}
		if err != nil {
			partial.Refused[i] = err
		}
	}
	if len(partial.Refused) > 0 {
		return partial
	}
	return nil
}

func (i item) judge() error {
	if i.Status/100 == 2 || i.Status == http.StatusConflict {
		// A conflict: the document is there already, from a request whose answer was
		// lost, or a newer version of the event is.
		return nil
	}
	err := fmt.Errorf("answered %d %s: %s", i.Status, httppost.Line(i.Error.Type), reason(i.Error.Reason))
	switch {
	case i.Status == http.StatusUnauthorized, i.Status == http.StatusForbidden, i.Status == http.StatusNotFound, i.ofTheReceiver():
		return sinks.Stop(err)
	case i.Status/100 == 4 && i.Status != http.StatusTooManyRequests && i.Status != http.StatusRequestTimeout:
		return sinks.Permanent(err)
	}
	return err
}

// ofTheReceiver is whether the service answers 400 to a document for what is
// wrong with all of them: the Config, the index, or the cluster.
func (i item) ofTheReceiver() bool {
	if i.Status != http.StatusBadRequest {
		return false
	}
	switch i.Error.Type {
	case "index_closed_exception", "routing_missing_exception":
		return true
	}
	// For these there is no type of their own.
	for _, known := range []string{
		"pipeline with id [",
		"only write ops with an op_type of create are allowed in data streams",
		"no write index is defined for alias",
		"this action would add [", // shards for a new index, and the cluster has as many as it may have
	} {
		if strings.Contains(i.Error.Reason, known) {
			return true
		}
	}
	return false
}

// unknownType is what a service from version 8 on, and OpenSearch from 2 on,
// says of a request with a mapping type.
const unknownType = "unknown parameter [_type]"

// reason is without the piece of the document that a mapping error quotes.
func reason(text string) string {
	text, _, _ = strings.Cut(text, "Preview of field's value")
	return httppost.Line(text)
}
