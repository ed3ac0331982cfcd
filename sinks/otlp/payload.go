package otlp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
)

type template func(*event.Event) (string, error)

// encoder makes a request for one event. The attributes are those of the
// semantic conventions and of the collector's own receiver of Kubernetes events.
type encoder struct {
	scope      *common.InstrumentationScope
	resource   map[string]template
	attributes map[string]template
	payload    func(*event.Event) ([]byte, error) // nil: the body is the message
}

func newEncoder(c Config, env sinks.Env) (*encoder, error) {
	e := &encoder{scope: &common.InstrumentationScope{Name: "github.com/packetboat/packetboat", Version: env.Version}}
	var err error
	if e.resource, err = compile("resource", c.Resource, env.Compiler); err != nil {
		return nil, err
	}
	if e.attributes, err = compile("attributes", c.Attributes, env.Compiler); err != nil {
		return nil, err
	}
	// The default payload sees all of the involved object; what is not compiled is not fetched.
	if c.Body == whole || !c.Payload.Layout.IsZero() {
		e.payload, err = env.Compiler.Payload(c.Payload)
	}
	return e, err
}

func compile(key string, texts map[string]sinks.Template, compiler sinks.Compiler) (map[string]template, error) {
	out := map[string]template{}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		render, err := compiler.Template(texts[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", key, name, err)
		}
		out[name] = render
	}
	return out, nil
}

func (e *encoder) encode(ev *event.Event) ([]byte, error) {
	record, err := e.record(ev)
	if err != nil {
		return nil, err
	}
	about := attributes{
		"service.name":                "packetboat",
		"k8s.cluster.name":            ev.ClusterName,
		"k8s.node.name":               ev.Source.Host,
		"k8s.namespace.name":          ev.InvolvedObject.Namespace,
		"k8s.object.kind":             ev.InvolvedObject.Kind,
		"k8s.object.name":             ev.InvolvedObject.Name,
		"k8s.object.uid":              string(ev.InvolvedObject.UID),
		"k8s.object.fieldpath":        ev.InvolvedObject.FieldPath,
		"k8s.object.api_version":      ev.InvolvedObject.APIVersion,
		"k8s.object.resource_version": ev.InvolvedObject.ResourceVersion,
	}
	if err := about.render("resource", e.resource, ev); err != nil {
		return nil, err
	}
	request := &collector.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  &resource.Resource{Attributes: about.list()},
		ScopeLogs: []*logs.ScopeLogs{{Scope: e.scope, LogRecords: []*logs.LogRecord{record}}},
	}}}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode the record: %w", err)
	}
	return out, nil
}

// severities are by the event's type in lower case. Kubernetes has the first two;
// the collector's receiver knows the others as well.
var severities = map[string]logs.SeverityNumber{
	"normal":   logs.SeverityNumber_SEVERITY_NUMBER_INFO,
	"warning":  logs.SeverityNumber_SEVERITY_NUMBER_WARN,
	"error":    logs.SeverityNumber_SEVERITY_NUMBER_ERROR,
	"critical": logs.SeverityNumber_SEVERITY_NUMBER_FATAL,
}

func (e *encoder) record(ev *event.Event) (*logs.LogRecord, error) {
	record := &logs.LogRecord{
		SeverityNumber: severities[strings.ToLower(ev.Type)], SeverityText: valid(ev.Type),
		Body: text(ev.Message),
	}
	if at := ev.Time(); !at.IsZero() {
		record.TimeUnixNano = uint64(max(0, at.UnixNano()))
	}
	if e.payload != nil {
		document, err := e.payload(ev)
		if err != nil {
			return nil, err
		}
		if record.Body, err = structure(document); err != nil {
			return nil, err
		}
	}
	about := attributes{
		"log.record.uid":                 ev.ID(), // by which a repetition is recognised
		"k8s.event.name":                 ev.Name,
		"k8s.event.uid":                  string(ev.UID),
		"k8s.event.reason":               ev.Reason,
		"k8s.event.action":               ev.Action,
		"k8s.event.reporting_controller": ev.Component(),
		"k8s.event.reporting_instance":   ev.ReportingInstance,
	}
	if !ev.CreationTimestamp.IsZero() {
		about["k8s.event.start_time"] = ev.CreationTimestamp.UTC().Format(time.RFC3339)
	}
	if err := about.render("attributes", e.attributes, ev); err != nil {
		return nil, err
	}
	count := &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: int64(ev.Occurrences())}}
	record.Attributes = append(about.list(), &common.KeyValue{Key: "k8s.event.count", Value: count})
	return record, nil
}

type attributes map[string]string

func (a attributes) render(key string, more map[string]template, ev *event.Event) error {
	for name, render := range more {
		value, err := render(ev)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", key, name, err)
		}
		a[name] = value
	}
	return nil
}

// list is in the order of the names, without those that have no value.
func (a attributes) list() []*common.KeyValue {
	var out []*common.KeyValue
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if a[name] != "" {
			out = append(out, &common.KeyValue{Key: valid(name), Value: text(a[name])})
		}
	}
	return out
}

func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: valid(s)}}
}

// valid is what protobuf takes as a text; an event may hold any bytes.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// structure is a JSON document as a value of OpenTelemetry.
func structure(document []byte) (*common.AnyValue, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, fmt.Errorf("encode the body: %w", err)
	}
	return anyValue(v), nil
}

func anyValue(v any) *common.AnyValue {
	switch v := v.(type) {
	case string:
		return text(v)
	case bool:
		return &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: v}}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: n}}
		}
		if f, err := v.Float64(); err == nil {
			return &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: f}}
		}
		return text(v.String())
	case []any:
		list := &common.ArrayValue{}
		for _, item := range v {
			list.Values = append(list.Values, anyValue(item))
		}
		return &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: list}}
	case map[string]any:
		list := &common.KeyValueList{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			list.Values = append(list.Values, &common.KeyValue{Key: valid(name), Value: anyValue(v[name])})
		}
		return &common.AnyValue{Value: &common.AnyValue_KvlistValue{KvlistValue: list}}
	}
	return &common.AnyValue{} // null
}
