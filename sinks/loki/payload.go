package loki

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang/snappy"
	"github.com/grafana/loki/pkg/push"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

const tenantHeader = "X-Scope-Orgid" // as http.CanonicalHeaderKey writes X-Scope-OrgID

// templates are rendered for each event.
type templates map[string]func(*event.Event) (string, error)

func compile[T any](key string, texts map[string]T, one func(T) (func(*event.Event) (string, error), error)) (templates, error) {
	out := templates{}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		render, err := one(texts[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", key, name, err)
		}
		out[name] = render
	}
	return out, nil
}

// pair is a name with its rendered value.
type pair struct{ name, value string }

// render gives the values in the order of their names, without the empty ones.
func (t templates) render(key string, ev *event.Event) ([]pair, error) {
	var out []pair
	for _, name := range slices.Sorted(maps.Keys(t)) {
		value, err := t[name](ev)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", key, name, err)
		}
		if value = strings.ToValidUTF8(value, "\uFFFD"); value != "" {
			out = append(out, pair{name, value})
		}
	}
	return out, nil
}

// labels is the stream of an event, as Loki writes it.
func (s *sink) labels(ev *event.Event) (string, error) {
	pairs, err := s.streamLabels.render("streamLabels", ev)
	if err != nil {
		return "", err
	}
	if len(pairs) == 0 {
		// A stream without a label is refused.
		pairs = []pair{{"job", "packetboat"}}
	}
	texts := make([]string, len(pairs))
	for i, p := range pairs {
		texts[i] = p.name + "=" + strconv.Quote(p.value)
	}
	return "{" + strings.Join(texts, ", ") + "}", nil
}

// header is what the events of one request share.
func (s *sink) header(ev *event.Event) (http.Header, error) {
	pairs, err := s.headers.render("headers", ev)
	if err != nil {
		return nil, err
	}
	h := http.Header{"Content-Type": {"application/x-protobuf"}}
	for _, p := range pairs {
		h.Set(p.name, strings.Map(printable, p.value))
	}
	return h, nil
}

// printable drops control characters: what comes out of an event must not begin
// a header of its own.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}

// request is the body of a push: the entries by stream, in their order.
func (s *sink) request(batch []sinks.Record) ([]byte, error) {
	var request push.PushRequest
	index := map[string]int{}
	for _, r := range batch {
		labels, err := s.labels(r.Event)
		if err != nil {
			return nil, err
		}
		i, known := index[labels]
		if !known {
			i = len(request.Streams)
			index[labels] = i
			request.Streams = append(request.Streams, push.Stream{Labels: labels})
		}
		entry, err := s.entry(r)
		if err != nil {
			return nil, err
		}
		request.Streams[i].Entries = append(request.Streams[i].Entries, entry)
	}
	body, err := request.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	if len(body) > maxRequest {
		return nil, fmt.Errorf("%d bytes with labels and metadata are more than %d", len(body), maxRequest)
	}
	return snappy.Encode(nil, body), nil
}

func (s *sink) entry(r sinks.Record) (push.Entry, error) {
	pairs, err := s.metadata.render("structuredMetadata", r.Event)
	if err != nil {
		return push.Entry{}, err
	}
	entry := push.Entry{Timestamp: s.time(r.Event), Line: string(r.Body)}
	for _, p := range pairs {
		entry.StructuredMetadata = append(entry.StructuredMetadata, push.LabelAdapter{Name: p.name, Value: p.value})
	}
	return entry, nil
}

// time is the event's; one that has none, which no API server writes, happened
// as far as anybody can tell now.
func (s *sink) time(ev *event.Event) time.Time {
	if at := ev.Time(); !at.IsZero() {
		return at
	}
	return s.now().UTC()
}
