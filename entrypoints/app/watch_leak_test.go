package app

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
)

// TestReloadsLeakNothing: every reload makes a new client, new receivers and a new
// watch. The service is in this process too, so that a connection that is left
// open counts at both its ends.
func TestReloadsLeakNothing(t *testing.T) {
	const reloads = 50
	// The HTTP/2 client keeps what belongs to a closed connection until this time,
	// by default 30 s, is over.
	t.Setenv("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "1")
	c := localtest.Start(t, local.Options{})
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer hook.Close()
	w := startWatch(t, c, local.Admin, fmt.Sprintf(`
checkpoint: {configMap: {namespace: default, name: leaks}}
delivery: {batch: {age: 10ms}}
watch: {commitInterval: 100ms, heartbeat: 1s}
route: {match: [{receiver: a}, {receiver: hook}]}
receivers: [{name: a, file: {path: %%s}}, {name: hook, webhook: {endpoint: %q}}]
`, hook.URL))
	over := 0
	reload := func() {
		w.requireDelivered(t, "a", localtest.WriteEvents(t, c, "one", 1)...)
		over++
		w.reload <- struct{}{}
		require.Eventually(t, func() bool { return strings.Count(w.log.String(), "the watch is over") == over }, time.Minute, 10*time.Millisecond)
	}
	for range 5 {
		reload()
	}
	goroutines, heap := w.used(t, c, 0)
	for range reloads {
		reload()
	}
	now, live := w.used(t, c, goroutines+5)
	t.Logf("goroutines: %d, after %d reloads %d; live heap: %d KiB, %d KiB", goroutines, reloads, now, heap>>10, live>>10)
	assert.LessOrEqual(t, now, goroutines+5)
	assert.Less(t, live, heap+1<<20)
	w.end(t)
}

// used are the goroutines, once they are no more than most or do not get fewer,
// and the live heap.
func (w *watchedApp) used(t *testing.T, c *local.Cluster, most int) (goroutines int, heap uint64) {
	t.Helper()
	w.requireDelivered(t, "a", localtest.WriteEvents(t, c, "one", 1)...)
	for range 50 {
		// Connections end a moment after they were closed.
		time.Sleep(100 * time.Millisecond)
		http.DefaultClient.CloseIdleConnections()
		if goroutines = runtime.NumGoroutine(); goroutines <= most {
			break
		}
	}
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return goroutines, m.HeapAlloc
}
