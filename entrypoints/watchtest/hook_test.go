package watchtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// delivery is one request that a webhook accepted.
type delivery struct {
	replica string
	began   time.Time
	ids     []string
}

// hook is a webhook that takes JSON lines and remembers who brought which events.
type hook struct {
	*httptest.Server

	mu       sync.Mutex
	accepted []delivery
	gate     chan struct{} // requests wait for it; nil: they do not
	waiting  []delivery    // at the gate
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	h.Server = httptest.NewServer(h)
	t.Cleanup(func() {
		h.open()
		h.CloseClientConnections()
		h.Close()
	})
	return h
}

// ServeHTTP accepts every batch.
func (h *hook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	d := delivery{replica: r.Header.Get("X-Replica"), began: time.Now()}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // who cut the connection gets no answer
	}
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		var ev struct {
			Metadata struct {
				UID             string `json:"uid"`
				ResourceVersion string `json:"resourceVersion"`
			} `json:"metadata"`
		}
		if err := json.Unmarshal(lines.Bytes(), &ev); err != nil {
			panic(err)
		}
		d.ids = append(d.ids, ev.Metadata.UID+"."+ev.Metadata.ResourceVersion)
	}
	h.mu.Lock()
	gate := h.gate
	if gate != nil {
		h.waiting = append(h.waiting, d)
	}
	h.mu.Unlock()
	if gate != nil {
		<-gate
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.accepted = append(h.accepted, d)
}

// hold makes requests wait until open is called.
func (h *hook) hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gate, h.waiting = make(chan struct{}), nil
}

func (h *hook) open() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gate != nil {
		close(h.gate)
		h.gate = nil
	}
}

// held are the requests that came since hold.
func (h *hook) held() []delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.waiting)
}

func (h *hook) deliveries() []delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.accepted)
}

// came is how often each event came.
func (h *hook) came() map[string]int {
	times := map[string]int{}
	for _, d := range h.deliveries() {
		for _, id := range d.ids {
			times[id]++
		}
	}
	return times
}

// others are the deliveries, begun after a time, of all but one replica.
func (h *hook) others(replica string, after time.Time) (all []delivery) {
	for _, d := range h.deliveries() {
		if d.replica != replica && d.began.After(after) {
			all = append(all, d)
		}
	}
	return all
}

// of are the deliveries of one replica that began after a time.
func (h *hook) of(replica string, after time.Time) (all []delivery) {
	for _, d := range h.deliveries() {
		if d.replica == replica && d.began.After(after) {
			all = append(all, d)
		}
	}
	return all
}
