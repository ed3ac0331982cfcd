package prometheus

import (
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	client "github.com/prometheus/client_golang/prometheus"

	"github.com/packetboat/packetboat/core/event"
)

// remembered is how many events' occurrences are kept, about 200 bytes each.
const remembered = 1 << 15

// counts is one receiver's metric: what a scrape shows, and what is known of the
// events that it counted. It belongs to the registry, so that it goes on over a
// reload of the configuration.
type counts struct {
	labels   []string
	counted  *client.CounterVec
	overflow client.Counter

	mu     sync.Mutex
	max    int
	series map[string]bool
	events *simplelru.LRU[string, last]
	// horizon is the newest time of creation of an event that may have been
	// counted without our knowing: before this process, or forgotten since. Of an
	// unknown event that is not younger only the last occurrence is sure to be new.
	horizon time.Time
}

// last is what was counted of an event.
type last struct {
	occurrences int32
	created     time.Time
}

func newCounts(c Config, receiver string, began time.Time) (*counts, error) {
	labels := client.Labels{"receiver": receiver}
	all := &counts{
		labels: c.Labels, max: c.MaxSeries, series: map[string]bool{}, horizon: began,
		counted: client.NewCounterVec(client.CounterOpts{
			Name: c.Metric, ConstLabels: labels,
			Help: "Occurrences of Kubernetes events that were routed to this receiver.",
		}, c.Labels),
		overflow: client.NewCounter(client.CounterOpts{
			Name: strings.TrimSuffix(c.Metric, "_total") + "_overflow_total", ConstLabels: labels,
			Help: "Of these, those counted under other, because there are as many series as maxSeries allows.",
		}),
	}
	var err error
	all.events, err = simplelru.NewLRU(remembered, func(_ string, forgotten last) {
		if forgotten.created.After(all.horizon) {
			all.horizon = forgotten.created
		}
	})
	return all, err
}

// Describe is part of prometheus.Collector.
func (c *counts) Describe(to chan<- *client.Desc) {
	c.counted.Describe(to)
	c.overflow.Describe(to)
}

// Collect is part of prometheus.Collector.
func (c *counts) Collect(to chan<- client.Metric) {
	c.counted.Collect(to)
	c.overflow.Collect(to)
}

func (c *counts) count(ev *event.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := float64(c.unseen(ev))
	if n == 0 {
		return
	}
	chosen := values(c.labels, ev)
	key := strings.Join(chosen, "\xff") // which no valid UTF-8 has
	if !c.series[key] {
		if len(c.series) >= c.max {
			for i := range chosen {
				chosen[i] = "other"
			}
			c.overflow.Add(n)
		} else {
			c.series[key] = true
		}
	}
	c.counted.WithLabelValues(chosen...).Add(n)
}

// unseen is how many of an event's occurrences were not counted yet.
func (c *counts) unseen(ev *event.Event) int32 {
	id := string(ev.UID)
	if id == "" {
		id = ev.Namespace + "/" + ev.Name
	}
	now := last{ev.Occurrences(), ev.CreationTimestamp.Time}
	before, known := c.events.Get(id)
	fresh := now.created.After(c.horizon)
	if known && before.occurrences > now.occurrences {
		return 0 // an older version, sent again
	}
	c.events.Add(id, now)
	switch {
	case known:
		return now.occurrences - before.occurrences
	case fresh:
		return now.occurrences
	}
	return 1
}

// limit takes over the bound of a new configuration.
func (c *counts) limit(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.max = n
}
