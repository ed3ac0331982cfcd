package app

import (
	"context"
	"time"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/render"
	"github.com/packetboat/packetboat/sinks"
)

// opened is a receiver with its sink.
type opened struct {
	config.Receiver
	sink sinks.Sink
	uses render.Uses // what its templates and layout can see of the involved object
}

// openSinks opens every receiver's sink, which compiles its templates. All that
// is wrong is told, not only the first.
func (a *App) openSinks(ctx context.Context) ([]opened, error) {
	var all []opened
	var problems []config.Problem
	for _, r := range a.Config.Receivers {
		compiler := render.NewCompiler()
		sink, err := r.Kind.Open(ctx, r.Config, sinks.Env{
			Receiver: r.Name, Compiler: compiler, Log: a.Log.With("receiver", r.Name), Now: time.Now, Version: a.Version,
		})
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
		all = append(all, opened{r, sink, compiler.Uses()})
	}
	if len(problems) > 0 {
		return nil, &ConfigError{problems}
	}
	return all, nil
}

// warnAboutLabels says once that this run does not look up what the
// configuration asks for by name.
func (a *App) warnAboutLabels(receivers []opened) {
	labels, annotations := a.Config.Tree.Uses()
	if labels || annotations {
		a.Log.Warn("rules ask for labels or annotations of the involved object, which are not looked up in the cluster by this release: those rules match nothing")
	}
	for _, r := range receivers {
		if r.uses.Any() && !a.Config.OmitLookup {
			a.Log.Warn("a template asks for metadata of the involved object, which is not looked up in the cluster by this release: it renders empty", "receiver", r.Name)
			return
		}
	}
}
