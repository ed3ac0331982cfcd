package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/packetboat/packetboat/deploy/local"
)

// A recorder watches the cluster's events, in JSON and with none of the
// program's code. When its watch ends it goes on from the last version, and
// when the server has forgotten that, from a list; what it may have missed then
// is a blind spot.
type recorder struct {
	client *http.Client
	events string // URL
	known  *history

	mu    sync.Mutex
	blind []versions
	at    uint64 // everything at or before it is recorded, but for blind spots
}

// versions are those after the first, up to the last.
type versions struct{ after, upTo uint64 }

func newRecorder(t *testing.T, cluster *local.Cluster, known *history) *recorder {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig(local.Admin))
	require.NoError(t, err)
	client, err := rest.HTTPClientFor(config)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	r := &recorder{client: client, events: cluster.URL() + "/api/v1/events", known: known}
	require.NoError(t, r.list(t.Context()))
	r.blind = nil // what was there before was written by nobody that we know
	return r
}

// run records until ctx ends.
func (r *recorder) run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := r.watch(ctx)
		if errors.Is(err, errForgotten) {
			err = r.list(ctx)
		}
		if errors.Is(err, errStrange) {
			return err
		}
		wait(ctx, 100*time.Millisecond)
	}
	return nil
}

var (
	errForgotten = errors.New("the server has forgotten the version")
	errStrange   = errors.New("the recorder does not understand")
)

func (r *recorder) list(ctx context.Context) error {
	var list struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Items []eventLine `json:"items"`
	}
	living, from := r.known.living(), r.recorded()
	body, err := r.get(ctx, r.events)
	if err != nil {
		return err
	}
	defer body.Body.Close()
	if err := json.NewDecoder(body.Body).Decode(&list); err != nil {
		return err
	}
	at, err := strconv.ParseUint(list.Metadata.ResourceVersion, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: a list: %w", errStrange, err)
	}
	listed := map[string]bool{}
	for _, ev := range list.Items {
		listed[ev.Metadata.UID] = true
		if err := r.note("ADDED", ev); err != nil {
			return err
		}
	}
	for _, uid := range living {
		if !listed[uid] {
			r.known.ended(uid, at)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blind = append(r.blind, versions{from, at})
	r.at = at
	return nil
}

// watch returns when the watch has ended, as watches do.
func (r *recorder) watch(ctx context.Context) error {
	body, err := r.get(ctx, fmt.Sprintf("%s?watch=true&resourceVersion=%d", r.events, r.recorded()))
	if err != nil {
		return err
	}
	defer body.Body.Close()
	for changes := json.NewDecoder(body.Body); ; {
		var change struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := changes.Decode(&change); err != nil {
			return err
		}
		if change.Type == "ERROR" {
			var status struct {
				Code int `json:"code"`
			}
			if json.Unmarshal(change.Object, &status) == nil && status.Code == http.StatusGone {
				return errForgotten
			}
			return fmt.Errorf("watch: %s", change.Object)
		}
		var ev eventLine
		if err := json.Unmarshal(change.Object, &ev); err != nil {
			return fmt.Errorf("%w: %s: %w", errStrange, change.Object, err)
		}
		if err := r.note(change.Type, ev); err != nil {
			return err
		}
	}
}

func (r *recorder) note(kind string, ev eventLine) error {
	version, err := ev.version()
	if err != nil {
		return fmt.Errorf("%w: %w", errStrange, err)
	}
	switch kind {
	case "ADDED", "MODIFIED":
		r.known.wrote(ev.Metadata.UID, version, ev.isMarker())
	case "DELETED":
		r.known.ended(ev.Metadata.UID, version)
	default:
		return fmt.Errorf("%w: a change %q", errStrange, kind)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = max(r.at, version)
	return nil
}

func (r *recorder) get(ctx context.Context, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	_ = response.Body.Close()
	if response.StatusCode == http.StatusGone {
		return nil, errForgotten
	}
	return nil, errors.New(response.Status)
}

func (r *recorder) recorded() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

// blindTo reports whether a version may have escaped the recorder.
func (r *recorder) blindTo(version uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, spot := range r.blind {
		if version > spot.after && version <= spot.upTo {
			return true
		}
	}
	return false
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
