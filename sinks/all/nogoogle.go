//go:build slim && !gcp

package all

import "github.com/packetboat/packetboat/sinks"

// google would be the sinks that need Google's SDK: not built.
func google() []sinks.Kind { return nil }
