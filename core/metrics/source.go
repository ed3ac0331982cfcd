package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Source is what is counted of reading the cluster.
type Source struct {
	EventsRead  prometheus.Counter
	Requests    prometheus.Counter
	Bytes       prometheus.Counter
	Gaps        prometheus.Counter
	Resets      prometheus.Counter
	Compactions prometheus.Counter
	Reconnects  prometheus.Counter

	reads     *prometheus.CounterVec
	lastHeard prometheus.Gauge
}

// The ways to read, as package source calls them.
const (
	Replay  = "replay"
	Windows = "windows"
	Follow  = "following"
)

// Read counts that a read began. A mode that is none of the constants (a file)
// is no read of a cluster and not counted.
func (s *Source) Read(mode string) {
	switch mode {
	case Replay, Windows, Follow:
		s.reads.WithLabelValues(mode).Inc()
	}
}

// Heard notes that the cluster has said something: an event, a bookmark, our own
// marker, or the end of a list.
func (s *Source) Heard(at time.Time) { s.lastHeard.Set(seconds(at)) }

func newSource(k *maker) *Source {
	return &Source{
		EventsRead: k.counter("packetboat_source_events_read_total", Events, "Event versions read from the cluster; what is read again counts again."),
		Requests:   k.counter("packetboat_source_requests_total", Count, "Requests to the API server."),
		Bytes:      k.counter("packetboat_source_received_bytes_total", Bytes, "Bytes of the API server's answers, after decompression."),
		reads: k.counters("packetboat_source_reads_total",
			"Reads begun, by the way to read: replay and following watch from the cursor, windows lists all that is retained.",
			"mode", Replay, Windows, Follow),
		Gaps:        k.counter("packetboat_source_gaps_total", Count, "Times that events may have expired in the cluster before they were read."),
		Resets:      k.counter("packetboat_source_resets_total", Count, "Times that the cluster's history was found rewritten, so that everything retained was read again."),
		Compactions: k.counter("packetboat_source_compactions_total", Count, "Watches refused because the history since the cursor was compacted (410)."),
		Reconnects:  k.counter("packetboat_source_reconnects_total", Count, "Watches that ended without being asked to and were opened again."),
		lastHeard: k.gauge("packetboat_source_last_heard_timestamp_seconds", Timestamp,
			"When the cluster last said something: an event, a bookmark, our own marker. It tells no news from a broken watch."),
	}
}

// Route is what is counted of routing.
type Route struct {
	Dropped prometheus.Counter
	TooOld  prometheus.Counter
}

func newRoute(k *maker) *Route {
	return &Route{
		Dropped: k.counter("packetboat_route_dropped_total", Events, "Events that no receiver wanted."),
		TooOld:  k.counter("packetboat_route_too_old_total", Events, "Events that were routed to a receiver and were too old for it, by maxAge or on its first run."),
	}
}

// Enrich is what is counted of looking involved objects up.
type Enrich struct {
	Hits     prometheus.Counter
	Misses   prometheus.Counter
	Requests prometheus.Counter

	lookups *prometheus.CounterVec
}

// Lookup is how a look at an involved object in the cluster ended.
type Lookup string

// The ends of a look-up.
const (
	Found     Lookup = "found"
	Gone      Lookup = "gone"      // not there, or another object of that name
	Forbidden Lookup = "forbidden" // this kind may not be read
	Failed    Lookup = "failed"    // the page is owed
)

// Lookup counts a look-up of one object.
func (e *Enrich) Lookup(l Lookup) { e.lookups.WithLabelValues(string(l)).Inc() }

func newEnrich(k *maker) *Enrich {
	return &Enrich{
		Hits:     k.counter("packetboat_enrich_cache_hits_total", Count, "Involved objects whose metadata was in the cache."),
		Misses:   k.counter("packetboat_enrich_cache_misses_total", Count, "Involved objects whose metadata was not in the cache."),
		Requests: k.counter("packetboat_enrich_requests_total", Count, "Requests to the API server for metadata of involved objects, discovery included."),
		lookups: k.counters("packetboat_enrich_lookups_total",
			"Involved objects that were looked up: found, gone (not there any more, or another of that name), forbidden, or failed, which leaves the page owed.",
			"outcome", string(Found), string(Gone), string(Forbidden), string(Failed)),
	}
}

func seconds(at time.Time) float64 { return float64(at.UnixMilli()) / 1000 }
