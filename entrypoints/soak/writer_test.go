package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
)

const (
	namespaces  = 4
	writeEvery  = 20 * time.Millisecond
	scaleEvery  = 100 // writes
	burstEvery  = 400 // writes
	burst       = 150
	deployments = 2
)

// A writer creates, updates and deletes events, now and then many at once, and
// scales Deployments, about which the controllers write. It knows every version
// that it has written: when an answer is lost it asks what became of the write.
type writer struct {
	client *kube.Client
	known  *history
	random *rand.Rand
	young  time.Duration // how long an event is updated: it must not expire meanwhile

	recent []written
	counts struct{ created, updated, deleted, unanswered, versions int }
}

type written struct {
	path, uid string
	version   uint64
	count     int
	at        time.Time
}

func newWriter(t *testing.T, client *kube.Client, known *history, seed uint64, ttl time.Duration) *writer {
	t.Helper()
	w := &writer{client: client, known: known, random: rand.New(rand.NewPCG(seed, 1)), young: ttl / 2}
	for i := range namespaces {
		require.NoError(t, load.Namespace(t.Context(), client, namespace(i)))
	}
	return w
}

func namespace(i int) string { return fmt.Sprintf("shop-%d", i) }

// run writes until ctx ends.
func (w *writer) run(ctx context.Context) error {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	// What is begun is ended: a write that is cut short may have been applied.
	whole := context.WithoutCancel(ctx)
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return w.scale(whole, 0)
		case <-tick.C:
		}
		writes := 1
		if n%burstEvery == 0 {
			writes = burst
		}
		for range writes {
			if err := w.write(whole, n); err != nil {
				return err
			}
		}
		if n%scaleEvery == 1 {
			if err := w.scale(whole, w.random.IntN(4)); err != nil {
				return err
			}
		}
	}
}

func (w *writer) write(ctx context.Context, n int) error {
	for len(w.recent) > 0 && time.Since(w.recent[0].at) > w.young {
		w.recent = w.recent[1:]
	}
	choice := w.random.IntN(100)
	switch {
	case choice < 50 || len(w.recent) == 0:
		return w.create(ctx, n)
	case choice < 85:
		return w.update(ctx, w.random.IntN(len(w.recent)))
	default:
		return w.delete(ctx, w.random.IntN(len(w.recent)))
	}
}

func (w *writer) create(ctx context.Context, n int) error {
	in, name := namespace(w.random.IntN(namespaces)), fmt.Sprintf("soak.%d.%x", n, w.random.Uint64())
	now := time.Now().UTC().Format(time.RFC3339)
	body, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Event", "metadata": map[string]any{"namespace": in, "name": name},
		"involvedObject": map[string]any{"apiVersion": "v1", "kind": "Pod", "namespace": in, "name": fmt.Sprintf("web-%d", n%200)},
		"reason":         "BackOff", "message": "Back-off restarting failed container " + strings.Repeat("x", w.random.IntN(600)),
		"source": map[string]any{"component": "kubelet"}, "type": "Warning", "count": 1, "firstTimestamp": now, "lastTimestamp": now,
	})
	if err != nil {
		return err
	}
	ev := written{path: "/api/v1/namespaces/" + in + "/events/" + name, count: 1, at: time.Now()}
	answer, err := w.client.Do(ctx, http.MethodPost, "/api/v1/namespaces/"+in+"/events", kube.JSON, body)
	w.counts.created++
	if err != nil {
		return w.ask(ctx, ev)
	}
	return w.note(answer, ev)
}

func (w *writer) update(ctx context.Context, i int) error {
	ev := w.recent[i]
	w.forget(i)
	ev.count++
	patch := fmt.Sprintf(`{"count": %d, "lastTimestamp": %q}`, ev.count, time.Now().UTC().Format(time.RFC3339))
	answer, err := w.client.Do(ctx, http.MethodPatch, ev.path, kube.MergePatch, []byte(patch))
	w.counts.updated++
	if err != nil {
		return w.ask(ctx, ev)
	}
	return w.note(answer, ev)
}

func (w *writer) delete(ctx context.Context, i int) error {
	ev := w.recent[i]
	w.forget(i)
	w.known.deletes(ev.uid)
	w.counts.deleted++
	if _, err := w.client.Do(ctx, http.MethodDelete, ev.path, kube.JSON, nil); err != nil {
		return w.ask(ctx, ev)
	}
	return nil
}

func (w *writer) forget(i int) { w.recent = append(w.recent[:i:i], w.recent[i+1:]...) }

// note takes the answer to a write.
func (w *writer) note(answer []byte, ev written) error {
	var line eventLine
	if err := json.Unmarshal(answer, &line); err != nil {
		return fmt.Errorf("writer: %w", err)
	}
	version, err := line.version()
	if err != nil {
		return fmt.Errorf("writer: %w", err)
	}
	if version != ev.version {
		w.counts.versions++
	}
	ev.uid, ev.version = line.Metadata.UID, version
	w.known.wrote(ev.uid, version, false)
	w.recent = append(w.recent, ev)
	return nil
}

// ask finds out what became of a write without an answer, as soon as the API
// server is there again.
func (w *writer) ask(ctx context.Context, ev written) error {
	w.counts.unanswered++
	var answer []byte
	err := persist(ctx, func() (err error) {
		answer, err = w.client.Do(ctx, http.MethodGet, ev.path, kube.JSON, nil)
		if kube.Is(err, http.StatusNotFound) {
			return nil // it was never written, or is gone
		}
		return err
	})
	if err != nil || answer == nil {
		return err
	}
	return w.note(answer, ev)
}

// scale sets the replicas of each Deployment.
func (w *writer) scale(ctx context.Context, replicas int) error {
	for i := range deployments {
		app := map[string]string{"app": fmt.Sprintf("web-%d", i)}
		deployment := map[string]any{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": app["app"]},
			"spec": map[string]any{
				"replicas": replicas, "selector": map[string]any{"matchLabels": app},
				"template": map[string]any{
					"metadata": map[string]any{"labels": app},
					"spec":     map[string]any{"containers": []any{map[string]any{"name": "main", "image": "example.com/web"}}},
				},
			},
		}
		err := persist(ctx, func() error {
			return w.client.Apply(ctx, "/apis/apps/v1/namespaces/"+namespace(i)+"/deployments/"+app["app"], deployment)
		})
		if err != nil {
			return fmt.Errorf("scale: %w", err)
		}
	}
	return nil
}

// hung is longer than anything here may take, however slow the machine is.
const hung = 2 * time.Minute

// persist calls attempt until it succeeds.
func persist(ctx context.Context, attempt func() error) error {
	ctx, cancel := context.WithTimeout(ctx, hung)
	defer cancel()
	for {
		err := attempt()
		if err == nil || ctx.Err() != nil {
			return err
		}
		wait(ctx, 100*time.Millisecond)
	}
}
