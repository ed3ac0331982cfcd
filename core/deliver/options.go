package deliver

import (
	"log/slog"
	"time"

	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
)

// Options configure a Receiver. The zero value of a number asks for its default.
type Options struct {
	Name string
	Sink sinks.Sink

	Batch       Batch
	Concurrency int           // batches in flight, default 1, which keeps the order
	Timeout     time.Duration // of one attempt, default 30 s
	Retry       Retry

	DeadLetters state.DeadLetters // nil: the log takes them and they count as lost

	Digest    *Digest       // nil: every event is a record of its own
	Suppress  Suppress      // what is not sent again; with a Digest, its For only
	AutoClose time.Duration // alerts are ended when nothing came for so long, 0: never
	// MemoryBytes bounds what goes with the cursor, default 64 KiB.
	MemoryBytes int

	Metrics *metrics.Receiver // nil: nothing is counted but Stats
	Log     *slog.Logger
}

// Batch bounds a batch, below what the sink's own Limits allow.
type Batch struct {
	Records int           // default: the sink's limit, at most 1,000
	Bytes   int           // default: the sink's limit, at most 4 MiB
	Age     time.Duration // how long a record waits for others, default 1 s
}

// Retry says how long a batch that fails is tried again.
type Retry struct {
	Budget  time.Duration // from the first failure on, default 2 min
	Initial time.Duration // upper bound of the first delay, default 500 ms
	Max     time.Duration // upper bound of a delay, default 30 s
}

// lowest is what is wanted, or the default, but no more than the limit.
func lowest(wanted, limit, otherwise int) int {
	if wanted <= 0 {
		wanted = otherwise
	}
	if limit > 0 {
		wanted = min(wanted, limit)
	}
	return wanted
}

func setDefault(d *time.Duration, otherwise time.Duration) {
	if *d <= 0 {
		*d = otherwise
	}
}
