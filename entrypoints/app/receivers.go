package app

import (
	"context"
	"time"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/digest"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/render"
	"github.com/packetboat/packetboat/sinks"
)

// opened is a receiver with its sink.
type opened struct {
	config.Receiver
	sink sinks.Sink
	by   []digest.Field // the groups of its digest or of what it suppresses
	uses render.Uses    // what its payload and templates can see of the involved object
}

// openSinks opens every receiver's sink, which compiles its templates. All that
// is wrong is told, not only the first.
func (a *App) openSinks(ctx context.Context, m *metrics.Metrics) ([]opened, error) {
	env := sinks.Env{Now: time.Now, Version: a.Version}
	if m.Registry != nil {
		env.Metrics = m.Registry
	}
	var all []opened
	var problems []config.Problem
	for _, r := range a.Config.Receivers {
		compiler := render.NewCompiler()
		env.Receiver, env.Compiler, env.Log = r.Name, compiler, a.Log.With("receiver", r.Name)
		sink, err := r.Kind.Open(ctx, r.Config, env)
		for _, warning := range compiler.Warnings() {
			for _, p := range config.ProblemFrom(warning, a.ConfigFile, r.Key) {
				p.Severity = config.Warning
				a.Warnings = append(a.Warnings, p)
			}
		}
		if err != nil {
			for _, p := range config.ProblemFrom(err, a.ConfigFile, r.Key) {
				if p.Line == 0 {
					p.Line, p.Column = r.Position.Line, r.Position.Column
				}
				problems = append(problems, p)
			}
			continue
		}
		o := opened{Receiver: r, sink: sink}
		if o.by, err = groupsOf(r, sink, compiler); err != nil {
			problems = append(problems, config.ProblemFrom(err, a.ConfigFile, r.Key)...)
		}
		o.uses = seenBy(compiler)
		all = append(all, o)
	}
	if len(problems) > 0 {
		return nil, &ConfigError{problems}
	}
	return all, nil
}
