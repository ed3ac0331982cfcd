package functiontest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/load"
)

// writer writes events, and now and then a new version of an old one. It knows
// every version that there is.
type writer struct {
	cluster   *local.Cluster
	namespace string

	mu     sync.Mutex
	ids    map[string]bool       // of every version
	latest map[string]load.Event // by UID
	old    []load.Event          // that have had one version so far
}

func newWriter(w *World) *writer {
	return &writer{cluster: w.cluster, namespace: w.namespace, ids: map[string]bool{}, latest: map[string]load.Event{}}
}

// write writes n new events and one new version of each n/3 that there were.
func (w *writer) write(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	// A write that is cut short may have been applied, and nobody would know its ID.
	ctx = context.WithoutCancel(ctx)
	created, err := load.Create(ctx, w.cluster.Client(), w.namespace, n)
	w.mu.Lock()
	again := min(n/3, len(w.old))
	update := w.old[:again]
	w.old = append(w.old[again:], created...)
	w.mu.Unlock()
	w.note(created)
	updated, updateErr := load.Update(ctx, w.cluster.Client(), update)
	w.note(updated)
	return errors.Join(err, updateErr)
}

func (w *writer) note(written []load.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ev := range written {
		w.ids[ev.UID+"."+ev.ResourceVersion] = true
		w.latest[ev.UID] = ev
	}
}

// owed are the IDs of the latest versions of all events up to this version. What
// a later version has replaced may be skipped.
func (w *writer) owed(version string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []string
	for _, ev := range w.latest {
		if version == "" || !run.Newer(ev.ResourceVersion, version) {
			ids = append(ids, ev.UID+"."+ev.ResourceVersion)
		}
	}
	return ids
}

func (w *writer) wrote(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ids[id]
}

// all writes in the background until wait is called.
func (w *writer) all(t *testing.T, n int) (wait func()) {
	ended := make(chan error, 1)
	go func() { ended <- w.write(context.WithoutCancel(t.Context()), n) }()
	return func() { require.NoError(t, <-ended) }
}
