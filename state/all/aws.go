//go:build !slim || aws

package all

import (
	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/s3"
)

// aws are the storages that need Amazon's SDK.
func aws() []state.Kind {
	return []state.Kind{
		s3.Kind,
	}
}
