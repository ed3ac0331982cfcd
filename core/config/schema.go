package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/packetboat/packetboat/core/route"
)

// Facts are what a schema says that the types do not. A key is named by its
// path without indexes, such as receivers.kafka.sasl.mechanism.
type Facts struct {
	// Docs are the comments of fields, by FOLDER.TYPE.FIELD, and of packages, by FOLDER.
	Docs map[string]string `json:"docs"`
	// Values are all that a key takes, where it does not take any text.
	Values map[string][]string `json:"values"`
	// Mappings are layouts that must be mappings.
	Mappings []string `json:"mappings"`
	// Required are, for a mapping, the keys that must be set, each with those
	// that may be set in its place.
	Required map[string][][]string `json:"required"`
}

// Schema is a JSON Schema (draft 2020-12) of what Load takes, to be marshalled.
// It walks over the types as the decoder does. Whatever Load takes it takes, as
// long as the file is valid before its variables are put in; of what Load
// refuses it refuses what is wrong with a value by itself. Unknown keys are
// refused if strict.
func Schema(o Options, facts Facts, strict bool) map[string]any {
	s := &schemer{opts: o, facts: facts, strict: strict, defs: basics()}
	root := s.mapping(reflect.ValueOf(defaults()).Elem(), "")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "configuration of packetboat"
	root["type"] = "object"
	root["patternProperties"] = object{"^x-": object{"description": "not read: a place for anchors"}}
	s.defs["receiver"] = s.receiver()
	s.put(root, "receivers", list(ref("receiver")), "the destinations, each with a name and one sink")
	s.put(root, "checkpoint", s.storage("checkpoint"), "where the checkpoint is kept: one store")
	s.put(root, "clusters", list(s.cluster()), "several clusters in one run, each with a checkpoint of its own")
	s.put(root, "deadLetter", s.storage("deadLetter"), "where events go that a receiver will never accept: one store; without it they are logged and count as lost")
	root["$defs"] = s.defs
	return root
}

type object = map[string]any

type schemer struct {
	opts   Options
	facts  Facts
	strict bool
	defs   object
}

func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

// list is for a slice: a single value is a list of one.
func list(item object) object {
	return object{"if": object{"type": []string{"array", "null"}}, "then": object{"items": item}, "else": item}
}

// put adds a property to a schema of a mapping.
func (s *schemer) put(mapping object, key string, value object, doc string) {
	if doc != "" {
		value["description"] = doc
	}
	mapping["properties"].(object)[key] = value
}

func (s *schemer) doc(owner reflect.Type, field string) string {
	return s.facts.Docs[folderOf(owner)+"."+owner.Name()+"."+field]
}

// folderOf is the folder of a type's package, from the top of the module.
func folderOf(t reflect.Type) string {
	module := strings.TrimSuffix(reflect.TypeFor[Config]().PkgPath(), "core/config")
	return strings.TrimPrefix(t.PkgPath(), module)
}

// value is the schema of a value whose default is v.
func (s *schemer) value(v reflect.Value, path string) object {
	t := v.Type()
	if values, ok := s.facts.Values[path]; ok {
		return s.listIf(t.Kind() == reflect.Slice, oneOf(values))
	}
	if slices.Contains(s.facts.Mappings, path) {
		return object{"type": []string{"object", "null"}}
	}
	if own := ofType(t); own != nil {
		return own
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.value(reflect.New(t.Elem()).Elem(), path)
	case reflect.Struct:
		return s.structure(v, path)
	case reflect.Map:
		return object{"type": []string{"object", "null"}, "additionalProperties": s.value(reflect.New(t.Elem()).Elem(), path)}
	case reflect.Slice:
		return list(s.value(reflect.New(t.Elem()).Elem(), path))
	}
	return s.bounded(scalar(t), path)
}

func (s *schemer) listIf(is bool, item object) object {
	if is {
		return list(item)
	}
	return item
}

// structure is a schema of its own for a type that is the same everywhere, which
// also ends the recursion of those that contain themselves.
func (s *schemer) structure(v reflect.Value, path string) object {
	t := v.Type()
	if !v.IsZero() || t.Name() == "" || s.special(path) {
		return s.mapping(v, path)
	}
	name := strings.ReplaceAll(folderOf(t), "/", ".") + "." + t.Name()
	if _, known := s.defs[name]; !known {
		s.defs[name] = nil
		s.defs[name] = s.mapping(v, path)
	}
	return ref(name)
}

// special reports whether there are facts about a mapping at this path only.
func (s *schemer) special(path string) bool {
	at := func(p string) bool { return p == path || strings.HasPrefix(p, path+".") }
	return slices.ContainsFunc(slices.Collect(maps.Keys(s.facts.Values)), at) ||
		slices.ContainsFunc(s.facts.Mappings, at) || len(s.facts.Required[path]) > 0
}

// mapping is the schema of a struct.
func (s *schemer) mapping(v reflect.Value, path string) object {
	t := v.Type()
	m := object{"type": []string{"object", "null"}, "properties": object{}}
	if s.strict {
		m["additionalProperties"] = false
	}
	defaults := reflect.New(t).Elem() // fieldAt wants a value that it may change
	defaults.Set(v)
	fields := fieldsOf(t)
	for _, key := range fields.names {
		index := fields.index[key]
		field := fieldAt(defaults, index)
		value := s.value(field, strings.TrimPrefix(path+"."+key, "."))
		if d := defaultOf(field); d != nil {
			value["default"] = d
		}
		owner := ownerOf(t, index)
		s.put(m, key, value, s.doc(owner, owner.Field(index[len(index)-1]).Name))
	}
	s.withoutField(m, t, path)
	s.require(m, s.facts.Required[path])
	if required := requiredOf(t); required != nil {
		s.require(m, required)
		m["type"] = []string{"object", "null"} // the mapping itself may be left out
	}
	return m
}

// ownerOf is the type that declares a field, which may be an inlined one.
func ownerOf(t reflect.Type, index []int) reflect.Type {
	for _, i := range index[:len(index)-1] {
		t = t.Field(i).Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
	}
	return t
}

// withoutField adds the keys that Load knows and has no field for.
func (s *schemer) withoutField(m object, t reflect.Type, path string) {
	for key, note := range notBuiltKeys() {
		parent, name := "", strings.ReplaceAll(key, "[]", "")
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			parent, name = name[:i], name[i+1:]
		}
		if parent != path {
			continue
		}
		value := object{}
		if note.severity == Error {
			value["type"] = "null"
		}
		s.put(m, name, value, note.text)
	}
	if t == reflect.TypeFor[route.Rule]() {
		for old, key := range oldSpellings() {
			value := maps.Clone(m["properties"].(object)[key].(object))
			s.put(m, old, value, "the old spelling of "+key)
		}
	}
}

// require says that of each list of keys one must be set.
func (s *schemer) require(m object, required [][]string) {
	var all []object
	for _, keys := range required {
		var one []object
		for _, key := range keys {
			one = append(one, object{
				"required":   []string{key},
				"properties": object{key: object{"not": object{"enum": []any{nil, "", []any{}}}}},
			})
		}
		if len(one) == 1 {
			all = append(all, one[0])
			continue
		}
		all = append(all, object{"anyOf": one})
	}
	if len(all) > 0 {
		m["type"], m["allOf"] = "object", all
	}
}

func (s *schemer) receiver() object {
	d := defaults()
	m := s.mapping(reflect.ValueOf(Receiver{Delivery: d.Delivery, ReportUpdates: d.ReportUpdates}), "receivers")
	m["type"] = "object"
	s.put(m, "name", object{
		"type": []string{"string", "number", "boolean"}, "minLength": 1, "maxLength": longestName, "pattern": `^[^\x00-\x1f\x7f-\x9f]*$`,
	}, "tells receivers apart: in routes, in the checkpoint and in metrics")
	suppress := m["properties"].(object)["suppress"].(object)
	suppress["required"] = []string{"for"}
	suppress["properties"] = object{"for": object{"not": object{"enum": []any{nil, ""}}}}
	var one []object
	for _, k := range s.opts.Sinks {
		one = append(one, object{"required": []string{k.Name}})
		s.put(m, k.Name, s.value(reflect.ValueOf(k.NewConfig()).Elem(), "receivers."+k.Name), s.facts.Docs["sinks/"+k.Name])
	}
	for _, name := range append(sinkNames(), inMemory) {
		if _, built := s.opts.kind(name); !built {
			s.put(m, name, object{"not": object{}}, "not built into this binary")
		}
	}
	m["required"], m["oneOf"] = []string{"name"}, one
	return m
}

// storage is the schema of a mapping that names one store.
func (s *schemer) storage(path string) object {
	m := object{
		"type": []string{"object", "null"}, "properties": object{}, "additionalProperties": false,
		"minProperties": 1, "maxProperties": 1,
	}
	for _, k := range s.opts.Stores {
		config := k.NewConfig
		if path == "deadLetter" {
			config = k.NewDeadLetterConfig
		}
		if config != nil {
			value := reflect.ValueOf(config()).Elem()
			s.put(m, k.Name, s.value(value, path+"."+k.Name), s.facts.Docs[folderOf(value.Type())])
		}
	}
	if path == "deadLetter" {
		s.put(m, logName, object{}, "only logs them: what went to the log cannot be sent again")
	}
	return m
}
