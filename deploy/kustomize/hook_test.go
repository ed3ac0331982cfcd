package kustomize_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// hook is a service that takes events, or is broken.
type hook struct {
	URL string

	mu     sync.Mutex
	broken bool
	came   map[string]bool // UIDs
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{came: map[string]bool{}}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.URL = server.URL
	return h
}

func (h *hook) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var ev struct{ Metadata struct{ UID string } }
	err := json.NewDecoder(r.Body).Decode(&ev)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.broken:
		rw.WriteHeader(http.StatusServiceUnavailable)
	case err != nil || ev.Metadata.UID == "":
		rw.WriteHeader(http.StatusBadRequest)
	default:
		h.came[ev.Metadata.UID] = true
	}
}

func (h *hook) breaks(broken bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = broken
}

// has reports whether all of these have come.
func (h *hook) has(uids ...string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, uid := range uids {
		if !h.came[uid] {
			return false
		}
	}
	return true
}
