package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/route"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
)

// decoder puts nodes into Go values by their yaml tags, as the YAML library
// would, and finds every problem on the way instead of one. Beyond the library:
// a null leaves the default, a single value where a list is wanted is a list of
// one, YAML 1.1 booleans are booleans, and messages hold no values.
type decoder struct {
	problems   []Problem
	references []Reference
}

func (d *decoder) decode(n *yaml.Node, out reflect.Value, path string) {
	switch own := out.Addr().Interface().(type) {
	case *yaml.Node:
		*own = *n
		return
	case *route.Rule:
		own.Position = at(n)
	}
	if isNull(n) {
		return
	}
	if out.Kind() == reflect.Pointer {
		if out.IsNil() {
			out.Set(reflect.New(out.Type().Elem()))
		}
		d.decode(n, out.Elem(), path)
		return
	}
	switch own := out.Addr().Interface().(type) {
	case *route.Rule:
		// Its own UnmarshalYAML would stop at the first problem and not see unknown keys.
		d.decodeStruct(n, out, path)
		return
	case *sinks.SecretTemplate:
		d.secretTemplate(n, own, path)
		return
	case yaml.Unmarshaler:
		d.fail(n, path, own.UnmarshalYAML(n))
		return
	case *secret.String:
		d.secret(n, own, path)
		return
	case *time.Duration:
		d.fail(n, path, decodeDuration(n, own))
		return
	case encoding.TextUnmarshaler:
		if n.Kind != yaml.ScalarNode {
			d.want("a text", n, path)
			return
		}
		d.fail(n, path, own.UnmarshalText([]byte(n.Value)))
		return
	}
	switch out.Kind() {
	case reflect.Struct:
		d.decodeStruct(n, out, path)
	case reflect.Map:
		d.decodeMap(n, out, path)
	case reflect.Slice:
		d.decodeSlice(n, out, path)
	default:
		d.decodeScalar(n, out, path)
	}
}

func (d *decoder) decodeStruct(n *yaml.Node, out reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.want("a mapping", n, path)
		return
	}
	fields := fieldsOf(out.Type())
	set := map[string]*yaml.Node{}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := spelling(out.Type(), key.Value)
		index, known := fields.index[name]
		switch {
		case !known:
			d.unknown(key, value, below(path, key.Value), fields.names)
		case set[name] != nil:
			d.report(key, below(path, key.Value), Error, fmt.Sprintf("is already set at line %d, as %s", set[name].Line, set[name].Value), "")
		default:
			set[name] = key
			d.decode(value, fieldAt(out, index), below(path, key.Value))
		}
	}
}

// spelling is the key that key stands for: the oldest exporters had two rule
// keys in lower case (D-C17). All other keys are what they are.
func spelling(t reflect.Type, key string) string {
	if t == reflect.TypeFor[route.Rule]() && oldSpellings()[key] != "" {
		return oldSpellings()[key]
	}
	return key
}

func oldSpellings() map[string]string {
	return map[string]string{"apiversion": "apiVersion", "mincount": "minCount"}
}

// unknown reports a key that the struct at path does not have.
func (d *decoder) unknown(key, value *yaml.Node, path string, candidates []string) {
	if note, known := notBuilt(path); known {
		if !isNull(value) {
			d.report(key, path, note.severity, note.text, "")
		}
		return
	}
	if strings.HasPrefix(path, "x-") {
		return // where anchors can be kept
	}
	hint := suggest(key.Value, candidates)
	if strings.HasPrefix(path, "route.") && key.Value == "receivers" {
		hint = "receivers belong at the top level, beside route: indent them less"
	}
	d.report(key, path, Warning, "unknown key", hint)
	d.problems[len(d.problems)-1].Unknown = true
}

func (d *decoder) decodeMap(n *yaml.Node, out reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.want("a mapping", n, path)
		return
	}
	if out.IsNil() {
		out.Set(reflect.MakeMap(out.Type()))
	}
	for i := 0; i < len(n.Content); i += 2 {
		at := below(path, n.Content[i].Value)
		key, value := reflect.New(out.Type().Key()).Elem(), reflect.New(out.Type().Elem()).Elem()
		d.decode(n.Content[i], key, at)
		d.decode(n.Content[i+1], value, at)
		out.SetMapIndex(key, value)
	}
}

func (d *decoder) decodeSlice(n *yaml.Node, out reflect.Value, path string) {
	single := n.Kind != yaml.SequenceNode
	items := n.Content
	if single {
		items = []*yaml.Node{n}
	}
	out.Set(reflect.MakeSlice(out.Type(), len(items), len(items)))
	for i, item := range items {
		at := path
		if !single {
			at = element(path, i)
		}
		d.decode(item, out.Index(i), at)
	}
}

// fail reports what a type said about its node. Its own words may be trusted,
// but for those that it has from the YAML library.
func (d *decoder) fail(n *yaml.Node, path string, err error) {
	var library *yaml.TypeError
	if errors.As(err, &library) {
		for _, text := range library.Errors {
			place := yaml.Node{Line: n.Line, Column: n.Column}
			if _, err := fmt.Sscanf(text, "line %d:", &place.Line); err == nil && place.Line != n.Line {
				place.Column = 0
			}
			d.report(&place, path, Error, withoutValues(message(errors.New(text))), "")
		}
		return
	}
	for _, p := range ProblemFrom(err, "", path) {
		if p.Line == 0 {
			p.Line, p.Column = n.Line, n.Column
		}
		d.problems = append(d.problems, p)
	}
}

func (d *decoder) want(want string, n *yaml.Node, path string) {
	d.report(n, path, Error, "want "+want+", got "+got(n), "")
}

func (d *decoder) report(n *yaml.Node, path string, severity Severity, text, hint string) {
	d.problems = append(d.problems, Problem{
		Line: n.Line, Column: n.Column, Key: path, Severity: severity, Text: text, Hint: hint,
	})
}

// structFields are the keys of a struct, those of inlined structs included.
type structFields struct {
	names []string
	index map[string][]int
}

func fieldsOf(t reflect.Type) structFields {
	fields := structFields{index: map[string][]int{}}
	fields.add(t, nil)
	return fields
}

// fieldAt is a field of a struct, with the inlined pointers on the way made.
func fieldAt(out reflect.Value, index []int) reflect.Value {
	for _, i := range index {
		if out.Kind() == reflect.Pointer {
			if out.IsNil() {
				out.Set(reflect.New(out.Type().Elem()))
			}
			out = out.Elem()
		}
		out = out.Field(i)
	}
	return out
}

func (s *structFields) add(t reflect.Type, above []int) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		field := t.Field(i)
		name, flags, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		index := append(slices.Clone(above), i)
		switch {
		case flags == "inline":
			s.add(field.Type, index)
		case !field.IsExported() || name == "-":
		default:
			if name == "" {
				name = strings.ToLower(field.Name)
			}
			s.names = append(s.names, name)
			s.index[name] = index
		}
	}
}
