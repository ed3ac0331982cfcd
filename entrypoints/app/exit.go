package app

import (
	"errors"
	"slices"

	"github.com/packetboat/packetboat/entrypoints/app/cluster"
	"github.com/packetboat/packetboat/state"
)

// Exit codes of the command.
const (
	ExitDone   = 0 // done, or another run holds the lease, or the deadline came: the Report says which
	ExitOwed   = 1 // something is owed because of an error
	ExitUsage  = 2 // usage or configuration, or a checkpoint that cannot be read
	ExitBehind = 3 // not caught up, only with --fail-if-behind
)

// ErrBehind says that a run that had to catch up did not.
var ErrBehind = errors.New("not caught up, and --fail-if-behind was given")

// ExitCode is what an error means to the caller of the process.
func ExitCode(err error) int {
	var (
		configErr *ConfigError
		usageErr  *UsageError
		several   clusterErrors
	)
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &several) && slices.ContainsFunc(several, func(err error) bool { return ExitCode(err) == ExitOwed }):
		return ExitOwed // another attempt may help one of them, whatever the others want
	case errors.As(err, &configErr), errors.As(err, &usageErr), errors.Is(err, state.ErrUnreadable),
		errors.Is(err, state.ErrMisconfigured), errors.Is(err, cluster.ErrMisconfigured):
		return ExitUsage
	case errors.Is(err, ErrBehind):
		return ExitBehind
	}
	return ExitOwed
}
