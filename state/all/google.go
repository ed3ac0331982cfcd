//go:build !slim || gcp

package all

import (
	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/gcs"
)

// google are the storages that need Google's SDK.
func google() []state.Kind {
	return []state.Kind{
		gcs.Kind,
	}
}
