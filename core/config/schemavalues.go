package config

import (
	"encoding"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/route"
	"github.com/packetboat/packetboat/sinks"
)

// basics are the schemas of what has no keys. A variable can stand for any of
// them, and no value for the default.
func basics() object {
	or := func(types []string, more ...object) object {
		return object{"anyOf": append(append([]object{{"type": append(types, "null")}}, more...), ref("variable"))}
	}
	return object{
		"anything":   object{},
		"variable":   object{"type": "string", "pattern": `\$`},
		"text":       object{"type": []string{"string", "number", "boolean", "null"}},
		"boolean":    or([]string{"boolean"}, object{"enum": booleans()}),
		"integer":    or([]string{"integer"}),
		"number":     or([]string{"number"}),
		"duration":   or(nil, object{"const": 0}, object{"type": "string", "pattern": durationPattern}),
		"bytes":      or(nil, object{"type": "number", "minimum": 0}, object{"type": "string", "pattern": byteSize.String()}),
		"objectKind": or(nil, object{"type": "string", "pattern": objectKind.String()}),
	}
}

// durationPattern is what time.ParseDuration takes and is not negative.
const durationPattern = `^\+?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`

// booleans are those of YAML 1.1 that a reader of YAML 1.2 takes for texts.
func booleans() []string {
	return []string{
		"y", "Y", "yes", "Yes", "YES", "on", "On", "ON",
		"n", "N", "no", "No", "NO", "off", "Off", "OFF",
	}
}

// oneOf is a choice of values. What looks like a number or a boolean is one to a
// reader of YAML.
func oneOf(values []string) object {
	var all []any
	for _, v := range values {
		all = append(all, v)
		if n, err := strconv.Atoi(v); err == nil {
			all = append(all, n)
		}
		if b, err := strconv.ParseBool(v); err == nil && len(v) > 1 {
			all = append(all, b)
		}
	}
	return object{"anyOf": []object{{"enum": all}, {"type": "null"}, ref("variable")}}
}

// scalar is the schema of what the YAML library reads.
func scalar(t reflect.Type) object {
	zero := reflect.Zero(t)
	switch {
	case t.Kind() == reflect.Bool:
		return ref("boolean")
	case t.Kind() == reflect.String:
		return ref("text")
	case zero.CanFloat():
		return ref("number")
	case zero.CanUint():
		whole := ref("integer")
		whole["minimum"], whole["maximum"] = 0, uint64(math.MaxUint64)>>(64-t.Bits())
		return whole
	case zero.CanInt():
		whole := ref("integer")
		whole["minimum"], whole["maximum"] = math.MinInt64>>(64-t.Bits()), math.MaxInt64>>(64-t.Bits())
		return whole
	}
	return ref("anything")
}

// bounded adds what Load checks of a key of its own.
func (s *schemer) bounded(value object, path string) object {
	switch strings.TrimPrefix(path, "receivers.") {
	case "logLevel":
		return object{"anyOf": []object{
			{"enum": append(logLevels(), "")}, {"type": "string", "pattern": inAnyCase(logLevels())}, {"type": "null"}, ref("variable"),
		}}
	case "logFormat":
		return oneOf(append(logFormats(), ""))
	case "metricsNamePrefix":
		value["pattern"] = `^$|\$|` + metricsNamePrefix.String()
	case "cluster.gke.connect":
		return oneOf(gkeConnects())
	case "maxEventAgeSeconds", "throttlePeriod", "cacheSize", "delivery.batch.size":
		value["minimum"] = 0
	case "delivery.concurrency":
		value["minimum"] = 1
	}
	return value
}

// inAnyCase is a pattern for words; those of JSON Schema have no flag for it.
func inAnyCase(words []string) string {
	var p strings.Builder
	for _, c := range strings.Join(words, "|") {
		if unicode.IsLetter(c) {
			p.WriteString("[" + string(c) + string(unicode.ToUpper(c)) + "]")
		} else {
			p.WriteRune(c)
		}
	}
	return "^(" + p.String() + ")$"
}

// defaultOf is a default as it would be written in a file, nil if there is none.
func defaultOf(v reflect.Value) any {
	if v.IsZero() {
		return nil
	}
	switch own := v.Interface().(type) {
	case time.Duration:
		text := own.String()
		for _, zero := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(text, zero) {
				text = text[:len(text)-2]
			}
		}
		return text
	case sinks.Template:
		return own.Text
	case []string:
		return own
	}
	switch v.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return v.Interface()
	case reflect.String:
		return v.String()
	}
	return nil
}

// cluster is the schema of one of several clusters.
func (s *schemer) cluster() object {
	m := s.mapping(reflect.ValueOf(NamedCluster{}), "clusters")
	s.put(m, "checkpoint", s.storage("checkpoint"), "its checkpoint; default the one of the file, with -NAME in its name")
	m["required"] = []string{"name"}
	m["type"] = "object"
	return m
}

// ofType is the schema of a type that reads its own node, nil if t is none.
func ofType(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[yaml.Node](), reflect.TypeFor[sinks.Layout]():
		return ref("anything")
	case reflect.TypeFor[sinks.Template](), reflect.TypeFor[sinks.SecretTemplate](), reflect.TypeFor[route.Pattern](), reflect.TypeFor[route.Receiver]():
		return ref("text")
	case reflect.TypeFor[time.Duration]():
		return ref("duration")
	case reflect.TypeFor[Bytes]():
		return ref("bytes")
	case reflect.TypeFor[ObjectKind]():
		return ref("objectKind")
	case reflect.TypeFor[sinks.Start]():
		return oneOf([]string{"", string(sinks.Oldest), string(sinks.Now)})
	case reflect.TypeFor[Marker]():
		return oneOf([]string{string(MarkerAuto), string(MarkerOff)})
	case reflect.TypeFor[DigestAs]():
		return oneOf([]string{"", string(DigestAsRun), string(DigestAsGroup)})
	case reflect.TypeFor[route.Rule]():
		return nil // the decoder goes by its fields
	}
	switch pointer := reflect.PointerTo(t); {
	case pointer.Implements(reflect.TypeFor[yaml.Unmarshaler]()):
		return ref("anything")
	case pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return ref("text")
	}
	return nil
}
