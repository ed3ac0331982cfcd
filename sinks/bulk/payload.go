package bulk

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// encoder makes the two lines of an event in a bulk request: what to do, and
// the document.
type encoder struct {
	config  Config
	index   func(*event.Event) (string, error)
	routing func(*event.Event) (string, error) // nil: none
	payload func(*event.Event) ([]byte, error)
}

func newEncoder(c Config, compiler sinks.Compiler) (*encoder, error) {
	e := &encoder{config: c}
	var err error
	if c.IndexFormat != "" {
		e.index = func(ev *event.Event) (string, error) { return dated(c.IndexFormat, ev.Time()), nil }
	} else if e.index, err = compiler.Template(c.Index); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if !c.Routing.IsZero() {
		if e.routing, err = compiler.Template(c.Routing); err != nil {
			return nil, fmt.Errorf("routing: %w", err)
		}
	}
	e.payload, err = compiler.Payload(c.Payload)
	return e, err
}

func dated(format string, at time.Time) string {
	return dates.ReplaceAllStringFunc(format, func(layout string) string {
		return at.Format(layout[1 : len(layout)-1])
	})
}

// target is the first line's only value.
type target struct {
	Index       string `json:"_index"`
	Type        string `json:"_type,omitempty"`
	ID          string `json:"_id,omitempty"`
	Routing     string `json:"routing,omitempty"`
	Version     uint64 `json:"version,omitempty"`
	VersionType string `json:"version_type,omitempty"`
}

func (e *encoder) encode(ev *event.Event) (sinks.Record, error) {
	to, err := e.target(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	document, err := e.document(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	action := map[string]target{e.operation(): to}
	body, err := json.Marshal(action)
	if err != nil {
		return sinks.Record{}, fmt.Errorf("encode the action: %w", err)
	}
	body = append(append(append(body, '\n'), document...), '\n')
	return sinks.Record{ID: ev.ID(), Event: ev, Body: body}, nil
}

func (e *encoder) operation() string {
	if e.config.DataStream {
		return "create"
	}
	return "index"
}

func (e *encoder) target(ev *event.Event) (target, error) {
	to := target{Type: e.config.Type}
	var err error
	if to.Index, err = e.index(ev); err != nil {
		return target{}, fmt.Errorf("index: %w", err)
	}
	if err := checkIndexName(to.Index); err != nil {
		return target{}, fmt.Errorf("index, as rendered for this event: %w", err)
	}
	if e.routing != nil {
		if to.Routing, err = e.routing(ev); err != nil {
			return target{}, fmt.Errorf("routing: %w", err)
		}
	}
	switch {
	case e.config.GenerateID:
	case e.config.UseEventID && ev.UID != "":
		to.ID = string(ev.UID)
		// A batch that is sent again after a newer one must not bring back an older
		// version of the event.
		if version, err := strconv.ParseUint(ev.ResourceVersion, 10, 63); err == nil && version > 0 {
			to.Version, to.VersionType = version, "external_gte"
		}
	default:
		to.ID = documentID(ev.ID())
	}
	return to, nil
}

// documentID is the record's ID, so that a repetition replaces itself. A service
// takes 512 bytes; an event without a UID has a longer one at times.
func documentID(id string) string {
	if len(id) <= 512 {
		return id
	}
	digest := sha256.Sum256([]byte(id))
	return hex.EncodeToString(digest[:])
}

const timestamp = "@timestamp"

// document is the payload; in a data stream it has a time, which is the event's.
func (e *encoder) document(ev *event.Event) ([]byte, error) {
	document, err := e.payload(ev)
	if err != nil || !e.config.DataStream {
		return document, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(document, &fields); err != nil {
		return nil, fmt.Errorf("add %s: %w", timestamp, err)
	}
	if _, has := fields[timestamp]; has {
		return document, nil
	}
	if ev.Time().IsZero() {
		return nil, errors.New("the event has no time, which a data stream asks for")
	}
	head := fmt.Appendf(nil, `{"%s":"%s"`, timestamp, ev.Time().Format(time.RFC3339Nano))
	if len(fields) > 0 {
		head = append(head, ',')
	}
	return append(head, document[1:]...), nil
}
