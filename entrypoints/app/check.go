package app

import (
	"context"
	"errors"
	"log/slog"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/entrypoints/app/cluster"
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
		if err := a.choose(); err != nil {
			return nil, err
		}
		problems = append(problems, a.checkCluster()...)
		for _, one := range a.clusters {
			problems = append(problems, one.checkCluster()...)
		}
		_, err := a.openSinks(ctx, metrics.Discard())
		problems = append(problems, a.Warnings...)
		var wrong *ConfigError
		if errors.As(err, &wrong) {
			problems = append(problems, wrong.Problems...)
		}
		if err := a.checkCheckpoints(ctx); errors.As(err, &wrong) {
			problems = append(problems, wrong.Problems...)
		}
	}
	if config.HasErrors(problems, o.Strict) {
		return problems, &ConfigError{problems}
	}
	return problems, nil
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
