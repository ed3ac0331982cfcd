// Package all is the list of the sinks that are built into the program. A sink
// that is not in it does not exist; nothing registers itself.
package all

import (
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/file"
	"github.com/packetboat/packetboat/sinks/pipe"
	"github.com/packetboat/packetboat/sinks/prometheus"
	"github.com/packetboat/packetboat/sinks/stdout"
	"github.com/packetboat/packetboat/sinks/webhook"
)

// Kinds are all sinks, in the order of their names.
func Kinds() []sinks.Kind {
	return []sinks.Kind{
		file.Kind,
		pipe.Kind,
		prometheus.Kind,
		stdout.Kind,
		webhook.Kind,
	}
}
