package functiontest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Hook is a webhook that remembers which events came.
type Hook struct {
	*httptest.Server
	Status  atomic.Int64 // of the answer
	Delay   atomic.Int64 // of the answer, in nanoseconds
	Arrived chan struct{}

	mu   sync.Mutex
	uids []string // of every request, in order, whether it was answered or not
}

func newHook(t *testing.T) *Hook {
	h := &Hook{Arrived: make(chan struct{}, 1)}
	h.Status.Store(http.StatusOK)
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

// ServeHTTP takes one event.
func (h *Hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var ev struct {
		Metadata struct {
			UID string `json:"uid"`
		} `json:"metadata"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ev); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	h.uids = append(h.uids, ev.Metadata.UID)
	h.mu.Unlock()
	select {
	case h.Arrived <- struct{}{}:
	default:
	}
	select {
	case <-time.After(time.Duration(h.Delay.Load())):
	case <-r.Context().Done():
	}
	w.WriteHeader(int(h.Status.Load()))
}

// Take returns the UIDs that came since the last call, each as often as it came.
func (h *Hook) Take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	uids := h.uids
	h.uids = nil
	return uids
}
