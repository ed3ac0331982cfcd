package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/sinks"
)

// Receiver is one configured destination.
type Receiver struct {
	Name string `yaml:"name"`
	// RenamedFrom is the name under which the checkpoint knows it, if it had another.
	RenamedFrom string `yaml:"renamedFrom"`
	// Start is where it begins without a cursor; default Source.Start, else Kind.Start.
	Start sinks.Start `yaml:"start"`
	// MaxAge drops, for this receiver, events that are older when read; 0 drops none.
	MaxAge time.Duration `yaml:"maxAge"`
	// ReportUpdates says that a change of an event is sent too, not only its
	// first version; default Config.ReportUpdates.
	ReportUpdates bool `yaml:"reportUpdates"`
	// Delivery is Config.Delivery with this receiver's own keys put over it.
	Delivery Delivery `yaml:"delivery"`

	// Digest asks for messages that stand for many events; nil for a message for
	// each.
	Digest *Digest `yaml:"digest"`
	// Suppress holds back what was told a moment ago; nil holds back nothing.
	Suppress *Suppress `yaml:"suppress"`
	// AutoClose ends an alert when nothing came for so long; 0 ends none.
	AutoClose time.Duration `yaml:"autoClose"`

	// Kind and Config are what the sink is opened with: Kind.Open takes Config.
	Kind   sinks.Kind `yaml:"-"`
	Config any        `yaml:"-"`
	// Key is the path of the sink's own key, such as receivers[2].webhook, for
	// what Open has to say about it.
	Key      string         `yaml:"-"`
	Position sinks.Position `yaml:"-"` // of its name

	path string // such as receivers[2]
}

func (l *loader) receivers(nodes []yaml.Node) {
	for i := range nodes {
		in := place{&nodes[i], element("receivers", i)}
		if in.node.Kind != yaml.MappingNode {
			l.want("a mapping with a name and a sink", in.node, in.path)
			continue
		}
		l.config.Receivers = append(l.config.Receivers, l.receiver(in))
	}
}

// pair is a key of a mapping and its value.
type pair struct{ key, value *yaml.Node }

func (l *loader) receiver(in place) Receiver {
	r := Receiver{
		ReportUpdates: l.config.ReportUpdates, Delivery: l.config.Delivery,
		Key: in.path, Position: at(in.node), path: in.path,
	}
	own := &yaml.Node{Kind: yaml.MappingNode, Line: in.node.Line, Column: in.node.Column}
	var found, stray []pair
	fields := fieldsOf(reflect.TypeOf(r))
	for i := 0; i < len(in.node.Content); i += 2 {
		key, value := in.node.Content[i], in.node.Content[i+1]
		_, later := notBuilt(below(in.path, key.Value))
		switch {
		case l.isSink(key.Value):
			found = append(found, pair{key, value})
		case fields.index[key.Value] != nil || later:
			own.Content = append(own.Content, key, value)
		default:
			stray = append(stray, pair{key, value})
		}
	}
	l.decode(own, reflect.ValueOf(&r).Elem(), in.path)
	if name := find(in.node, "name"); name != nil {
		r.Position = at(name)
	}
	l.sink(in, &r, found)
	for _, p := range stray {
		l.stray(in, p, found, fields.names)
	}
	if len(found) == 0 && len(stray) == 0 {
		l.report(in.node, in.path, Error, fmt.Sprintf("receiver %q has no sink", r.Name), "give it one of "+l.built())
	}
	l.checkStart(in, "start", r.Start)
	l.checkDelivery(in, r.Delivery)
	l.checkDigest(in, &r)
	for _, start := range []sinks.Start{l.config.Source.Start, r.Kind.Start, sinks.Oldest} {
		if r.Start == "" {
			r.Start = start
		}
	}
	return r
}

// sink decodes the one sink of a receiver.
func (l *loader) sink(in place, r *Receiver, found []pair) {
	if len(found) == 0 {
		return
	}
	name, value := found[0].key.Value, found[0].value
	r.Key = below(in.path, name)
	for _, second := range found[1:] {
		// Upstream takes the first of an order of its own and says nothing (D-C8).
		l.report(second.key, below(in.path, second.key.Value), Error,
			fmt.Sprintf("receiver %q has two sinks, %s and %s", r.Name, name, second.key.Value), "make two receivers of it")
	}
	kind, ok := l.opts.kind(name)
	switch {
	case name == inMemory:
		l.report(found[0].key, r.Key, Error, inMemoryReason, `use stdout`)
	case !ok:
		l.report(found[0].key, r.Key, Error,
			fmt.Sprintf("receiver %q: %s %s", r.Name, name, l.opts.without("built in: "+l.built())), "")
	default:
		r.Kind, r.Config = kind, kind.NewConfig()
		l.decode(value, reflect.ValueOf(r.Config).Elem(), r.Key)
	}
}

// stray says what a key that a receiver does not have may be: a sink that was
// misspelt, or a key of the sink at the wrong indentation.
func (l *loader) stray(in place, p pair, found []pair, options []string) {
	path := below(in.path, p.key.Value)
	if len(found) == 0 {
		hint := suggest(p.key.Value, slices.Concat(l.sinkNames(), options))
		if hint == "" {
			hint = "the sinks are " + l.built()
		}
		l.report(p.key, path, Error, "is no kind of sink and no key of a receiver", hint)
		return
	}
	l.unknown(p.key, p.value, path, options)
	sink := found[0]
	kind, ok := l.opts.kind(sink.key.Value)
	belongs := isNull(sink.value)
	if ok {
		_, belongs = fieldsOf(reflect.TypeOf(kind.NewConfig()).Elem()).index[p.key.Value]
	}
	if belongs {
		l.problems[len(l.problems)-1].Hint = fmt.Sprintf("it belongs below %s: indent it further", sink.key.Value)
	}
}

func (o Options) kind(name string) (sinks.Kind, bool) {
	i := slices.IndexFunc(o.Sinks, func(k sinks.Kind) bool { return k.Name == name })
	if i < 0 {
		return sinks.Kind{}, false
	}
	return o.Sinks[i], true
}

func (l *loader) isSink(name string) bool {
	return name == inMemory || slices.Contains(l.sinkNames(), name)
}

// sinkNames are those of this binary and all others that are known.
func (l *loader) sinkNames() []string {
	var names []string
	for _, k := range l.opts.Sinks {
		names = append(names, k.Name)
	}
	return append(names, sinkNames()...)
}

// built are the names of this binary's sinks, for messages.
func (l *loader) built() string {
	var names []string
	for _, k := range l.opts.Sinks {
		names = append(names, k.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
