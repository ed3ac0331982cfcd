// Package all is the list of storages for checkpoints and dead letters that are
// built into the program: one line each. It holds no state.
//
// Without build tags these are all. With the tag slim those that need the SDK of
// a cloud are left out, unless aws or gcp brings them back.
package all

import (
	"slices"

	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/configmap"
	"github.com/packetboat/packetboat/state/file"
	"github.com/packetboat/packetboat/state/mem"
)

// Kinds are the storages that a configuration can name.
func Kinds() []state.Kind {
	return slices.Concat([]state.Kind{
		configmap.Kind,
		file.Kind,
	}, google(), aws())
}

// Memory is the store of a run that is not to be remembered. It is no Kind:
// nobody who configures a checkpoint wants it forgotten.
func Memory() state.Store { return mem.New() }
