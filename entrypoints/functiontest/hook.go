package functiontest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Hook is a webhook that remembers which events came, and from which process.
type Hook struct {
	*httptest.Server
	Status  atomic.Int64 // of the answer
	Delay   atomic.Int64 // of the answer, in nanoseconds
	Arrived chan struct{}

	mu       sync.Mutex
	arrivals []arrival // of every request, in order, whether it was answered or not
	taken    int
}

// An arrival is one event in one request.
type arrival struct {
	uid, version string
	process      string
	acknowledged bool
}

func (a arrival) id() string { return a.uid + "." + a.version }

func newHook(t *testing.T) *Hook {
	h := &Hook{Arrived: make(chan struct{}, 1)}
	h.Status.Store(http.StatusOK)
	h.Server = httptest.NewServer(h)
	t.Cleanup(func() {
		h.CloseClientConnections() // of a process that is frozen
		h.Close()
	})
	return h
}

// ServeHTTP takes one event.
func (h *Hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var ev struct {
		Metadata struct {
			UID             string `json:"uid"`
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ev); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	number := len(h.arrivals)
	h.arrivals = append(h.arrivals, arrival{
		uid: ev.Metadata.UID, version: ev.Metadata.ResourceVersion, process: strings.TrimPrefix(r.URL.Path, "/"),
	})
	h.mu.Unlock()
	select {
	case h.Arrived <- struct{}{}:
	default:
	}
	select {
	case <-time.After(time.Duration(h.Delay.Load())):
	case <-r.Context().Done():
		return
	}
	status := int(h.Status.Load())
	if status == http.StatusOK {
		// Before the answer is written: whoever has got it may be asked for its Report at once.
		h.mu.Lock()
		h.arrivals[number].acknowledged = true
		h.mu.Unlock()
	}
	w.WriteHeader(status)
}

// Take returns the UIDs that came since the last call, each as often as it came.
func (h *Hook) Take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var uids []string
	for _, a := range h.arrivals[h.taken:] {
		uids = append(uids, a.uid)
	}
	h.taken = len(h.arrivals)
	return uids
}

// since returns what came after the first n arrivals.
func (h *Hook) since(n int) []arrival {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]arrival(nil), h.arrivals[n:]...)
}
