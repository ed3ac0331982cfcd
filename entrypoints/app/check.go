package app

import (
	"context"
	"errors"
	"log/slog"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/entrypoints/app/cluster"
	"github.com/packetboat/packetboat/sinks"
)

// Check finds everything that is wrong with a configuration, or surely not
// meant. It opens every sink, which compiles its templates, and connects to
// nothing. The error is a *ConfigError if the configuration cannot be used.
func Check(ctx context.Context, o Options) ([]config.Problem, error) {
	a, problems, err := load(ctx, o)
	if err != nil {
		return nil, err
	}
	if a.Config != nil {
		problems = append(problems, config.Lint(a.Config)...)
		a.Log = slog.New(slog.DiscardHandler)
		var wrong *ConfigError
		if err := a.choose(ctx); errors.As(err, &wrong) {
			problems = append(problems, wrong.Problems...)
		} else if err != nil {
			return nil, err
		}
		problems = append(problems, a.checkStores(ctx)...)
		problems = append(problems, a.checkCluster()...)
		for _, one := range a.clusters {
			problems = append(problems, one.checkCluster()...)
		}
		_, err := a.openSinks(ctx, metrics.Discard())
		problems = append(problems, a.Warnings...)
		if errors.As(err, &wrong) {
			problems = append(problems, wrong.Problems...)
		}
	}
	if config.HasErrors(problems, o.Strict) {
		return problems, &ConfigError{problems}
	}
	return problems, nil
}

// checkStores finds why the checkpoint and the dead letters could not be opened.
// Those of several clusters were opened to choose among them.
func (a *App) checkStores(ctx context.Context) (problems []config.Problem) {
	add := func(key string, at sinks.Position, err error) {
		if err != nil {
			problems = append(problems, config.Problem{
				File: a.ConfigFile, Line: at.Line, Column: at.Column, Key: key, Severity: config.Error, Text: err.Error(),
			})
		}
	}
	if c := a.Config.Checkpoint; c != nil && len(a.named) == 0 {
		_, err := c.Kind.Open(ctx, c.Config, a.storeEnv())
		add("checkpoint."+c.Kind.Name, c.Position, err)
	}
	if d := a.Config.DeadLetter; d != nil {
		_, err := d.Kind.OpenDeadLetters(ctx, d.Config, a.storeEnv())
		add("deadLetter."+d.Kind.Name, d.Position, err)
	}
	return problems
}

// checkCluster finds what is wrong with the configured way to the cluster, as far
// as files tell. Whether there is a cluster around it only the pod knows.
func (a *App) checkCluster() []config.Problem {
	named := a.Config.Cluster
	if named.Way == "" || named.InCluster || a.Kubeconfig != "" {
		return nil
	}
	if _, err := cluster.REST(a.clusterConfig()); err != nil {
		return []config.Problem{{
			File: a.ConfigFile, Line: named.Position.Line, Column: named.Position.Column,
			Key: "cluster." + named.Way, Severity: config.Error, Text: err.Error(),
		}}
	}
	return nil
}
