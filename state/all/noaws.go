//go:build slim && !aws

package all

import "github.com/packetboat/packetboat/state"

// aws would be the storages that need Amazon's SDK: not built.
func aws() []state.Kind { return nil }
