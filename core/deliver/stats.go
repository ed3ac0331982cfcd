package deliver

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/packetboat/packetboat/core/metrics"
)

type counters struct {
	delivered, refused, deadLettered, lost, attempts, batches, bytes tally

	grouped, suppressed, forgotten tally
	settled                        atomic.Int64
}

// A tally counts twice: for the Report, which is of one Receiver, and for the
// metric, which is of the process.
type tally struct {
	own    atomic.Int64
	metric prometheus.Counter
}

func (t *tally) add(n int) {
	t.own.Add(int64(n))
	t.metric.Add(float64(n))
}

func (c *counters) countInto(m *metrics.Receiver) {
	c.delivered.metric, c.refused.metric, c.deadLettered.metric, c.lost.metric = m.Delivered, m.Refused, m.DeadLettered, m.Lost
	c.attempts.metric, c.batches.metric, c.bytes.metric = m.Attempts, m.Batches, m.Bytes
	c.grouped.metric, c.suppressed.metric, c.forgotten.metric = m.Grouped, m.Suppressed, m.Forgotten
}

// Stats count what a Receiver did since it was made.
type Stats struct {
	Delivered    int64 // records acknowledged by the service
	Refused      int64 // records that can never be accepted
	DeadLettered int64 // of these, stored as dead letters
	Lost         int64 // of these, only logged
	Attempts     int64 // calls of Send
	Batches      int64 // batches acknowledged
	Bytes        int64 // bytes of bodies acknowledged
	Grouped      int64 // events that went into digests
	Suppressed   int64 // events that were held back because their group had been told
	Settled      int64 // events that are owed no more
}

// Stats may be called at any time.
func (r *Receiver) Stats() Stats {
	return Stats{
		Delivered: r.stats.delivered.own.Load(), Refused: r.stats.refused.own.Load(),
		DeadLettered: r.stats.deadLettered.own.Load(), Lost: r.stats.lost.own.Load(),
		Attempts: r.stats.attempts.own.Load(), Batches: r.stats.batches.own.Load(), Bytes: r.stats.bytes.own.Load(),
		Grouped: r.stats.grouped.own.Load(), Suppressed: r.stats.suppressed.own.Load(), Settled: r.stats.settled.Load(),
	}
}
