package config

import (
	"os"
	"reflect"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/route"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// Options are what a configuration is read with.
type Options struct {
	Sinks     []sinks.Kind                     // that this binary has
	Stores    []state.Kind                     // that this binary has
	Tags      string                           // build tags that say what is left out, such as slim,aws; "" is nothing
	LookupEnv func(name string) (string, bool) // nil is os.LookupEnv
}

// Load reads a configuration; name is that of its file, for the problems. They
// are all that is wrong, in the order of the file, warnings among them. The
// Config is nil if one of them is an Error.
func Load(name string, data []byte, opts Options) (*Config, []Problem) {
	if opts.LookupEnv == nil {
		opts.LookupEnv = os.LookupEnv
	}
	parsed, err := parse(data)
	if err != nil {
		return nil, ProblemFrom(err, name, "")
	}
	r := &resolver{lookup: opts.LookupEnv, open: map[*yaml.Node]bool{}}
	root := r.copy(parsed, "", 0)
	l := &loader{opts: opts, decoder: decoder{problems: r.problems}, config: defaults()}
	if !r.stopped {
		l.load(root)
	}
	for i := range l.problems {
		l.problems[i].File = name
	}
	problems := sorted(l.problems)
	if HasErrors(problems, false) {
		return nil, problems
	}
	l.config.File, l.config.References = name, l.references
	return l.config, problems
}

type loader struct {
	decoder
	opts   Options
	config *Config
}

// document is the top level with the parts that the registries decode.
type document struct {
	*Config    `yaml:",inline"`
	Receivers  []yaml.Node `yaml:"receivers"`
	Clusters   []yaml.Node `yaml:"clusters"`
	Checkpoint yaml.Node   `yaml:"checkpoint"`
	DeadLetter yaml.Node   `yaml:"deadLetter"`
}

func (l *loader) load(root *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		l.want("keys and values at the top", root, "")
		return
	}
	doc := document{Config: l.config}
	l.decode(root, reflect.ValueOf(&doc).Elem(), "")
	l.checkTop(root)
	l.config.Checkpoint = l.checkpoint(&doc.Checkpoint, "checkpoint")
	l.deadLetter(&doc.DeadLetter)
	l.receivers(doc.Receivers)
	l.clusters(place{root, ""}, doc.Clusters)
	l.checkNames()
	l.checkPaths(doc.Receivers)
	l.compileRoute()
}

// compileRoute knows receivers by name even if something else is wrong with them.
func (l *loader) compileRoute() {
	var names []string
	for _, r := range l.config.Receivers {
		names = append(names, r.Name)
	}
	tree, err := route.Compile(l.config.Route, names)
	l.problems = append(l.problems, ProblemFrom(err, "", "route")...)
	l.config.Tree = tree
}
