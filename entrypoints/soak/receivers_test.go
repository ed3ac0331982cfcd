package soak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"sort"
	"sync"
	"testing"
	"time"
)

// arrivals is what came to one receiver, as the receiver saw it.
type arrivals struct {
	mu    sync.Mutex
	times map[string]int    // by ID
	found map[string]uint64 // the version in each ID
	rises []rise
}

// A rise is when something newer came than all before it.
type rise struct {
	version uint64
	at      time.Time
}

func newArrivals() *arrivals {
	return &arrivals{times: map[string]int{}, found: map[string]uint64{}}
}

// take notes the events in JSON lines, all or, with an error, none of them.
func (a *arrivals) take(lines []byte) error {
	var came []eventLine
	for text := bufio.NewScanner(bytes.NewReader(lines)); text.Scan(); {
		var ev eventLine
		if err := json.Unmarshal(text.Bytes(), &ev); err != nil {
			return err
		}
		came = append(came, ev)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, ev := range came {
		version, err := ev.version()
		if err != nil {
			return err
		}
		id := identity(ev.Metadata.UID, version)
		a.times[id]++
		a.found[id] = version
		if len(a.rises) == 0 || version > a.rises[len(a.rises)-1].version {
			a.rises = append(a.rises, rise{version, time.Now()})
		}
	}
	return nil
}

// highest is the newest version that came.
func (a *arrivals) highest() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.rises) == 0 {
		return 0
	}
	return a.rises[len(a.rises)-1].version
}

// passed is when something newer than the version came; not ok if nothing did.
// What comes in order has then been skipped.
func (a *arrivals) passed(version uint64) (at time.Time, ok bool) {
	i := sort.Search(len(a.rises), func(i int) bool { return a.rises[i].version > version })
	if i == len(a.rises) {
		return time.Time{}, false
	}
	return a.rises[i].at, true
}

// hook is a webhook that takes JSON lines. It may be out for a while, and may
// take no more than one batch in some time.
type hook struct {
	*httptest.Server
	*arrivals
	every time.Duration // between two batches, 0 for no limit

	mu         sync.Mutex
	last       time.Time // a batch was taken
	isOut      bool
	turnedAway int
}

func newHook(t *testing.T, every time.Duration) *hook {
	t.Helper()
	h := &hook{arrivals: newArrivals(), every: every}
	h.Server = httptest.NewServer(h)
	t.Cleanup(func() {
		h.CloseClientConnections() // those of a process that is paused
		h.Close()
	})
	return h
}

// out turns the service off, and on again.
func (h *hook) out(now bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.isOut = now
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if code := h.admit(); code != http.StatusOK {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(code)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // who cut the connection gets no answer
	}
	if err := h.take(body); err != nil {
		w.WriteHeader(http.StatusBadRequest) // the event counts as refused then, which the test sees
	}
}

func (h *hook) admit() (code int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.isOut:
		h.turnedAway++
		return http.StatusServiceUnavailable
	case time.Since(h.last) < h.every:
		h.turnedAway++
		return http.StatusTooManyRequests
	}
	h.last = time.Now()
	return http.StatusOK
}

// tail reads what is appended to a file until ctx ends, and once more then.
func (a *arrivals) tail(ctx context.Context, path string) error {
	var offset int64
	for last := false; !last; {
		last = ctx.Err() != nil
		n, err := a.readOn(path, offset)
		if err != nil {
			return err
		}
		offset += n
		wait(ctx, 100*time.Millisecond)
	}
	return nil
}

// readOn takes the whole lines after an offset. A line that a killed process
// has begun is nobody's yet.
func (a *arrivals) readOn(path string, offset int64) (n int64, _ error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return 0, err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	return int64(len(whole)), a.take(whole)
}
