package app

import (
	"context"
	"errors"
	"log/slog"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/metrics"
)

// Check finds everything that is wrong with a configuration, or surely not
// meant. It opens every sink, which compiles its templates, and connects to
// nothing. The error is a *ConfigError if the configuration cannot be used.
func Check(ctx context.Context, o Options) ([]config.Problem, error) {
	a, problems, err := load(o)
	if err != nil {
		return nil, err
	}
	if a.Config != nil {
		problems = append(problems, config.Lint(a.Config)...)
		a.Log = slog.New(slog.DiscardHandler)
		_, err := a.openSinks(ctx, metrics.Discard())
		problems = append(problems, a.Warnings...)
		var wrong *ConfigError
		if errors.As(err, &wrong) {
			problems = append(problems, wrong.Problems...)
		}
		if err := a.choose(); err != nil {
			return nil, err
		}
		if err := a.checkCheckpoints(ctx); errors.As(err, &wrong) {
			problems = append(problems, wrong.Problems...)
		} else if err != nil {
			return nil, err
		}
	}
	if config.HasErrors(problems, o.Strict) {
		return problems, &ConfigError{problems}
	}
	return problems, nil
}
