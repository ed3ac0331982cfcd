// Package all is the list of storages for checkpoints and dead letters that are
// built into the program: one line each. It holds no state.
package all

import (
	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/configmap"
	"github.com/packetboat/packetboat/state/file"
	"github.com/packetboat/packetboat/state/gcs"
	"github.com/packetboat/packetboat/state/mem"
	"github.com/packetboat/packetboat/state/s3"
)

// Kinds are the storages that a configuration can name.
func Kinds() []state.Kind {
	return []state.Kind{
		configmap.Kind,
		file.Kind,
		gcs.Kind,
		s3.Kind,
	}
}

// Memory is the store of a run that is not to be remembered. It is no Kind:
// nobody who configures a checkpoint wants it forgotten.
func Memory() state.Store { return mem.New() }
