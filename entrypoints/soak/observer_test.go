package soak

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An observer reads the metrics of all replicas again and again, and knows from
// them when the processes said that they did not simply go on.
type observer struct {
	replicas *replicas
	client   http.Client

	mu     sync.Mutex
	last   map[*replica]sample
	passes []span // reads in windows
	gaps   []span
	usage  map[string][]usage // of each leader, while it led, in order
}

// sample is the metrics of one process at one moment, by name and labels.
type sample struct {
	at     time.Time
	values map[string]float64
}

// A span is when something happened.
type span struct{ after, upTo time.Time }

// usage is what a process used at one moment.
type usage struct {
	goroutines, descriptors int
	heap, resident          float64 // MiB
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, heap %.1f MiB, resident %.1f MiB", u.goroutines, u.descriptors, u.heap, u.resident)
}

const (
	windowsPass = `packetboat_source_reads_total{mode="windows"}`
	gapCount    = "packetboat_source_gaps_total"
	leads       = "packetboat_lease_held"
	reloads     = `packetboat_config_reloads_total{result="taken"}`
)

func newObserver(t *testing.T, rs *replicas) *observer {
	t.Helper()
	o := &observer{replicas: rs, client: http.Client{Timeout: time.Second}, last: map[*replica]sample{}, usage: map[string][]usage{}}
	t.Cleanup(o.client.CloseIdleConnections)
	return o
}

func (o *observer) run(ctx context.Context) error {
	for ctx.Err() == nil {
		for _, r := range o.replicas.all() {
			// One that is paused or has just been killed does not answer.
			if s, err := o.look(ctx, r); err == nil && s.values[leads] == 1 {
				o.note(r, s)
			}
		}
		wait(ctx, 300*time.Millisecond)
	}
	return nil
}

// look reads the metrics of one replica.
func (o *observer) look(ctx context.Context, r *replica) (sample, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return sample{}, err
	}
	response, err := o.client.Do(request)
	if err != nil {
		return sample{}, err
	}
	defer response.Body.Close()
	s := sample{at: time.Now(), values: map[string]float64{}}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, found := cutLast(lines.Text())
		if number, err := strconv.ParseFloat(value, 64); found && err == nil {
			s.values[name] = number
		}
	}
	if err := lines.Err(); err != nil {
		return sample{}, err
	}
	before := o.last[r]
	if before.at.IsZero() {
		before.at = s.at.Add(-hung) // since its start
	}
	if s.values[windowsPass] > before.values[windowsPass] {
		o.passes = append(o.passes, span{before.at, s.at})
	}
	if s.values[gapCount] > before.values[gapCount] {
		o.gaps = append(o.gaps, span{before.at, s.at})
	}
	o.last[r] = s
	return s, nil
}

// mustLook is for a replica that answers, be it late on a busy machine.
func (o *observer) mustLook(t *testing.T, r *replica) (s sample) {
	t.Helper()
	require.NoError(t, persist(t.Context(), func() (err error) {
		s, err = o.look(t.Context(), r)
		return err
	}))
	return s
}

func cutLast(line string) (name, value string, found bool) {
	i := strings.LastIndexByte(line, ' ')
	if i < 0 || strings.HasPrefix(line, "#") {
		return "", "", false
	}
	return line[:i], line[i+1:], true
}

func (o *observer) note(r *replica, s sample) {
	const mebibyte = 1 << 20
	o.mu.Lock()
	defer o.mu.Unlock()
	o.usage[r.name] = append(o.usage[r.name], usage{
		goroutines: int(s.values["go_goroutines"]), descriptors: int(s.values["process_open_fds"]),
		heap: s.values["go_memstats_heap_inuse_bytes"] / mebibyte, resident: s.values["process_resident_memory_bytes"] / mebibyte,
	})
}

// leader waits until one of the replicas, but not this one, is at work.
func (o *observer) leader(ctx context.Context, not *replica) (found *replica, _ error) {
	err := persist(ctx, func() error {
		for _, r := range o.replicas.all() {
			if s, err := o.look(ctx, r); r != not && err == nil && s.values[leads] == 1 {
				found = r
				return nil
			}
		}
		return fmt.Errorf("none of %d replicas is at work", len(o.replicas.all()))
	})
	return found, err
}

// total sums a metric of all processes that there were. Labels may be cut off.
func (o *observer) total(name string) (sum float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.last {
		for series, value := range s.values {
			if series == name || strings.HasPrefix(series, name+"{") {
				sum += value
			}
		}
	}
	return sum
}

// said is what the processes have said, for the judge.
func (o *observer) said() (passes, gaps []span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.passes), slices.Clone(o.gaps)
}

// used is what each leader used while it led.
func (o *observer) used() map[string][]usage {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.usage)
}
