package faults

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/entrypoints/proving"
)

const namespace = "shop"

// writer writes events while runs go on: now new ones, now a new version of old
// ones. It is used by one goroutine at a time.
type writer struct {
	cluster *local.Cluster
	pause   time.Duration // between two writes

	ids    map[string]bool       // of every version written
	latest map[string]load.Event // of each event, by UID
}

func newWriter(t *testing.T, cluster *local.Cluster, pause time.Duration) *writer {
	t.Helper()
	require.NoError(t, load.Namespace(t.Context(), cluster.Client(), namespace))
	return &writer{cluster: cluster, pause: pause, ids: map[string]bool{}, latest: map[string]load.Event{}}
}

// start writes until the returned function is called, which gives what failed.
func (w *writer) start(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.write(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func (w *writer) write(ctx context.Context) error {
	for turn := 0; ; turn++ {
		// A write that is cut short may have been applied, and nobody would know its ID.
		if err := w.turn(context.WithoutCancel(ctx), turn); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(w.pause):
		}
	}
}

func (w *writer) turn(ctx context.Context, turn int) error {
	created, err := load.Create(ctx, w.cluster.Client(), namespace, 1+turn%13)
	if err != nil {
		return err
	}
	w.note(created)
	if turn%3 > 0 {
		return nil
	}
	updated, err := load.Update(ctx, w.cluster.Client(), created[:1+len(created)/4])
	w.note(updated)
	return err
}

func (w *writer) note(written []load.Event) {
	for _, ev := range written {
		w.ids[ev.UID+"."+ev.ResourceVersion] = true
		w.latest[ev.UID] = ev
	}
}

// check says what the receiver misses, or has and should not. Of an event that
// was written again before it was read only the latest version is promised.
func (w *writer) check(came map[string]int) error {
	var missing, foreign []string
	for _, ev := range w.latest {
		if id := ev.UID + "." + ev.ResourceVersion; came[id] == 0 {
			missing = append(missing, id)
		}
	}
	for id := range came {
		if !w.ids[id] {
			foreign = append(foreign, id)
		}
	}
	var err error
	if len(w.latest) == 0 {
		err = errors.New("nothing was written")
	}
	return errors.Join(err, proving.Mistake("missing", missing), proving.Mistake("never written but arrived", foreign))
}

// clearEvents deletes what was written.
func clearEvents(t *testing.T, cluster *local.Cluster) {
	t.Helper()
	_, err := cluster.Client().Do(t.Context(), http.MethodDelete, "/api/v1/namespaces/"+namespace+"/events", kube.JSON, nil)
	require.NoError(t, err)
}
