package config

import (
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/state"
)

// logName is what deadLetter says when the log is meant to take them.
const logName = "log"

// checkpoint decodes the one store below a key.
func (l *loader) checkpoint(n *yaml.Node, path string) *Checkpoint {
	key, value, kind := l.storage(n, path, func(state.Kind) bool { return true })
	if kind == nil {
		return nil
	}
	c := &Checkpoint{Kind: *kind, Config: kind.NewConfig(), Position: at(key)}
	l.decode(value, reflect.ValueOf(c.Config).Elem(), below(path, key.Value))
	return c
}

// deadLetter decodes the one storage below the key deadLetter.
func (l *loader) deadLetter(n *yaml.Node) {
	key, value, kind := l.storage(n, "deadLetter", func(k state.Kind) bool { return k.OpenDeadLetters != nil }, logName)
	if kind == nil {
		return
	}
	l.config.DeadLetter = &DeadLetter{Kind: *kind, Config: kind.NewDeadLetterConfig(), Position: at(key)}
	l.decode(value, reflect.ValueOf(l.config.DeadLetter.Config).Elem(), below("deadLetter", key.Value))
}

// storage finds the kind of storage that a mapping names by its one key. It is
// nil if there is none, which was said if it is wrong, or if one of others is named.
func (l *loader) storage(n *yaml.Node, path string, usable func(state.Kind) bool, others ...string) (key, value *yaml.Node, _ *state.Kind) {
	if n.Kind == 0 || isNull(n) {
		return nil, nil, nil
	}
	kinds := slices.DeleteFunc(slices.Clone(l.opts.Stores), func(k state.Kind) bool { return !usable(k) })
	names := slices.Clone(others)
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	slices.Sort(names)
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		l.report(n, path, Error, "want exactly one store", "one of "+strings.Join(names, ", "))
		return nil, nil, nil
	}
	key, value = n.Content[0], n.Content[1]
	for i := range kinds {
		if kinds[i].Name == key.Value {
			return key, value, &kinds[i]
		}
	}
	if slices.Contains(others, key.Value) {
		return nil, nil, nil
	}
	text := "is no kind of store"
	if slices.Contains(storeNames(), key.Value) {
		text = l.opts.without()
	}
	hint := suggest(key.Value, append(slices.Clone(names), storeNames()...))
	if hint == "" || text != "is no kind of store" {
		hint = "the stores are " + strings.Join(names, ", ")
	}
	l.report(key, below(path, key.Value), Error, text, hint)
	return nil, nil, nil
}
