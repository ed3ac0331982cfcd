//go:build slim && !aws

package all

import "github.com/packetboat/packetboat/sinks"

// aws would be the sinks that need Amazon's SDK: not built.
func aws() []sinks.Kind { return nil }
