package faults

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// hook is a webhook that takes JSON lines and remembers which events came, and
// how often.
type hook struct {
	*httptest.Server

	mu       sync.Mutex
	came     map[string]int // by ID
	inFlight int
	most     int // requests at one time
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{came: map[string]int{}}
	h.Server = httptest.NewServer(h)
	t.Cleanup(func() {
		h.CloseClientConnections() // those of a proxy that holds them open
		h.Close()
	})
	return h
}

// ServeHTTP takes one batch, whole or not at all.
func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.enter(1)
	defer h.enter(-1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // who cut the connection gets no answer
	}
	var ids []string
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		id, err := idOf(lines.Bytes())
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if id != "" {
			ids = append(ids, id)
		}
	}
	h.mu.Lock()
	for _, id := range ids {
		h.came[id]++
	}
	h.mu.Unlock()
	w.WriteHeader(http.StatusOK)
}

func (h *hook) enter(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inFlight += n
	h.most = max(h.most, h.inFlight)
}

// idOf is an event's ID, or none if it is one that the API server writes about
// itself. A marker has an ID: it should not have come.
func idOf(line []byte) (string, error) {
	var ev struct {
		Metadata struct {
			Namespace       string `json:"namespace"`
			UID             string `json:"uid"`
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
		Source struct {
			Component string `json:"component"`
		} `json:"source"`
	}
	err := json.Unmarshal(line, &ev)
	if ev.Metadata.Namespace != namespace && ev.Source.Component != "packetboat" {
		return "", err
	}
	return ev.Metadata.UID + "." + ev.Metadata.ResourceVersion, err
}

// arrived returns how often each event came, and how many requests there were at
// one time.
func (h *hook) arrived() (came map[string]int, most int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.came), h.most
}

// again is how often an event came that had come before.
func again(came map[string]int) (n int) {
	for _, times := range came {
		n += times - 1
	}
	return n
}
