package kafka

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/hamba/avro/v2"
)

// encoder turns JSON into Avro, behind a zero byte and the ID of the schema.
type encoder struct {
	prefix []byte
	schema avro.Schema
}

func newEncoder(c avroConfig) (*encoder, error) {
	prefix, err := schemaPrefix(c.SchemaID)
	if err != nil {
		return nil, fmt.Errorf("schemaID: %w", err)
	}
	if c.Schema == "" {
		return nil, errors.New("schema: is missing")
	}
	// A cache of its own: two receivers may name different schemas alike.
	schema, err := avro.ParseWithCache(c.Schema, "", &avro.SchemaCache{})
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return &encoder{prefix, schema}, nil
}

// schemaPrefix is a number as the Confluent wire format has it (4 bytes), or
// upstream's 16 bytes in hex digits.
func schemaPrefix(id string) ([]byte, error) {
	if len(id) == 32 {
		raw, err := hex.DecodeString(id)
		if err != nil {
			return nil, fmt.Errorf("want a number or 32 hex digits, got %q", id)
		}
		return append([]byte{0}, raw...), nil
	}
	n, err := strconv.ParseUint(id, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("want a number or 32 hex digits, got %q", id)
	}
	return binary.BigEndian.AppendUint32([]byte{0}, uint32(n)), nil
}

func (e *encoder) encode(text []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("read the payload: %w", err)
	}
	native, err := convert(e.schema, value)
	if err != nil {
		return nil, err
	}
	body, err := avro.Marshal(e.schema, native)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(slices.Clone(e.prefix), body...), nil
}

// convert turns a value of JSON into what the Avro library wants for a schema.
// Keys that the schema does not have are left out.
func convert(schema avro.Schema, value any) (any, error) {
	switch s := schema.(type) {
	case *avro.RefSchema:
		return convert(s.Schema(), value)
	case *avro.RecordSchema:
		return convertRecord(s, value)
	case *avro.UnionSchema:
		return convertUnion(s, value)
	case *avro.ArraySchema:
		return convertArray(s, value)
	case *avro.MapSchema:
		return convertMap(s, value)
	case *avro.EnumSchema:
		if text, ok := value.(string); ok && slices.Contains(s.Symbols(), text) {
			return text, nil
		}
	default:
		if native, ok := convertPrimitive(schema.Type(), value); ok {
			return native, nil
		}
	}
	return nil, fmt.Errorf("the schema wants %s, the payload has %s", schema.Type(), kindOf(value))
}

func convertPrimitive(want avro.Type, value any) (any, bool) {
	switch v := value.(type) {
	case nil:
		return nil, want == avro.Null
	case bool:
		return v, want == avro.Boolean
	case string:
		if want == avro.Bytes {
			return []byte(v), true
		}
		return v, want == avro.String
	case json.Number:
		switch want {
		case avro.Int:
			n, err := strconv.ParseInt(v.String(), 10, 32)
			return int(n), err == nil
		case avro.Long:
			n, err := v.Int64()
			return n, err == nil
		case avro.Float:
			n, err := v.Float64()
			return float32(n), err == nil
		case avro.Double:
			n, err := v.Float64()
			return n, err == nil
		}
	}
	return nil, false
}

func convertRecord(s *avro.RecordSchema, value any) (any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the schema wants record %s, the payload has %s", s.Name(), kindOf(value))
	}
	out := map[string]any{}
	for _, field := range s.Fields() {
		v, given := object[field.Name()]
		if !given && field.HasDefault() {
			continue // the library fills it in
		}
		native, err := convert(field.Type(), v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.Name(), err)
		}
		out[field.Name()] = native
	}
	return out, nil
}

// convertUnion takes the first type that fits. {"type": value}, Avro's own way
// to write it in JSON, is taken as well.
func convertUnion(s *avro.UnionSchema, value any) (any, error) {
	for _, t := range s.Types() {
		if t.Type() == avro.Null {
			if value == nil {
				return nil, nil
			}
			continue
		}
		if native, err := convert(t, value); err == nil {
			return map[string]any{nameOf(t): native}, nil
		}
		if wrapped, ok := value.(map[string]any); ok && len(wrapped) == 1 {
			if inner, named := wrapped[nameOf(t)]; named {
				native, err := convert(t, inner)
				return map[string]any{nameOf(t): native}, err
			}
		}
	}
	return nil, fmt.Errorf("no type of the union fits %s", kindOf(value))
}

func nameOf(s avro.Schema) string {
	if ref, ok := s.(*avro.RefSchema); ok {
		s = ref.Schema()
	}
	if named, ok := s.(avro.NamedSchema); ok {
		return named.FullName()
	}
	if logical, ok := s.(avro.LogicalTypeSchema); ok && logical.Logical() != nil {
		return string(s.Type()) + "." + string(logical.Logical().Type())
	}
	return string(s.Type())
}

func convertArray(s *avro.ArraySchema, value any) (any, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("the schema wants array, the payload has %s", kindOf(value))
	}
	out := make([]any, len(list))
	for i, v := range list {
		native, err := convert(s.Items(), v)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", i, err)
		}
		out[i] = native
	}
	return out, nil
}

func convertMap(s *avro.MapSchema, value any) (any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the schema wants map, the payload has %s", kindOf(value))
	}
	out := make(map[string]any, len(object))
	for k, v := range object {
		native, err := convert(s.Values(), v)
		if err != nil {
			return nil, err
		}
		out[k] = native
	}
	return out, nil
}

func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "nothing"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a text"
	case json.Number:
		return "a number"
	}
	return "a truth value"
}
