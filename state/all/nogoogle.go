//go:build slim && !gcp

package all

import "github.com/packetboat/packetboat/state"

// google would be the storages that need Google's SDK: not built.
func google() []state.Kind { return nil }
