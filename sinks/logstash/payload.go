package logstash

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

// document is the payload with what Logstash reads itself: the event's time, and
// the ID as metadata, which filters and outputs see and no output writes.
func (s *sink) document(ev *event.Event) ([]byte, error) {
	payload, err := s.payload(ev)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil {
		return nil, fmt.Errorf("read the payload: %w", err)
	}
	added := []byte{'{'}
	add := func(name string, value any) {
		if _, has := fields[name]; has {
			return
		}
		text, _ := json.Marshal(value) // of texts: it never fails
		added = fmt.Appendf(added, "%q:%s,", name, text)
	}
	if at := ev.Time(); !at.IsZero() {
		add("@timestamp", at.UTC().Format(time.RFC3339Nano))
	}
	add("@metadata", map[string]string{"id": ev.ID()})
	if len(fields) == 0 {
		added = added[:len(added)-1]
	}
	return append(added, payload[1:]...), nil
}

// array is a batch as the json codec of an http input takes it.
func array(batch []sinks.Record) []byte {
	out := []byte{'['}
	for i, r := range batch {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, r.Body...)
	}
	return append(out, ']')
}

// lines is a batch as the json_lines codec of a tcp input takes it.
func lines(batch []sinks.Record) []byte {
	var out []byte
	for _, r := range batch {
		out = append(append(out, r.Body...), '\n')
	}
	return out
}
