package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	loading "github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app/web"
)

const watched = `
clusterName: test
watch: {commitInterval: 100ms, heartbeat: 1s}
route: {match: [{receiver: a}]}
receivers: [{name: a, file: {path: %s}}]
`

// watched is Watch in this process, over a real API server.
type watchedApp struct {
	dir, config, address string
	stop, reload         chan struct{}
	log                  *logBuffer
	done                 chan struct{}
	err                  error
}

type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// startWatch writes the configuration and begins.
func startWatch(t *testing.T, c *local.Cluster, user local.User, text string, change ...func(*Options, *WatchOptions)) *watchedApp {
	t.Helper()
	w := &watchedApp{
		dir: t.TempDir(), address: freeAddress(t), stop: make(chan struct{}), reload: make(chan struct{}),
		log: &logBuffer{}, done: make(chan struct{}),
	}
	w.config = filepath.Join(w.dir, "config.yaml")
	w.write(t, fmt.Sprintf(text, w.file("a")))
	o := Options{ConfigFile: w.config, Kubeconfig: c.Kubeconfig(user), Version: "test", Stdout: io.Discard, Stderr: w.log}
	wo := WatchOptions{MetricsAddress: w.address, StatusPage: true, Grace: 10 * time.Second, Stop: w.stop, Reload: w.reload}
	for _, f := range change {
		f(&o, &wo)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(w.done)
		w.err = Watch(ctx, o, wo)
	}()
	t.Cleanup(func() {
		cancel()
		<-w.done
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	return w
}

func freeAddress(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (w *watchedApp) file(receiver string) string { return filepath.Join(w.dir, receiver+".jsonl") }

func (w *watchedApp) write(t *testing.T, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(w.config, []byte(text), 0o600))
}

// end asks for an orderly end.
func (w *watchedApp) end(t *testing.T) {
	t.Helper()
	close(w.stop)
	<-w.done
	require.NoError(t, w.err)
}

// requireDelivered waits until a receiver has exactly these events.
func (w *watchedApp) requireDelivered(t *testing.T, receiver string, events ...loading.Event) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, _ := os.ReadFile(w.file(receiver))
		for _, ev := range events {
			if !strings.Contains(string(text), `"uid":"`+ev.UID+`","resourceVersion":"`+ev.ResourceVersion+`"`) {
				return false
			}
		}
		return true
	}, time.Minute, 50*time.Millisecond)
}

func (w *watchedApp) get(t *testing.T, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.address+path, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func (w *watchedApp) requireSoon(t *testing.T, path string, status int, text string) {
	t.Helper()
	var code int
	var body string
	if !assert.Eventually(t, func() bool {
		code, body = w.get(t, path)
		return code == status && strings.Contains(body, text)
	}, time.Minute, 50*time.Millisecond) {
		t.Fatalf("%s: %d\n%s", path, code, body)
	}
}

func TestWatch(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	old := localtest.WriteEvents(t, c, "one", 20)
	w := startWatch(t, c, local.Admin, watched+"checkpoint: {configMap: {namespace: default, name: watched}}\n")
	w.requireDelivered(t, "a", old...)
	w.requireSoon(t, "/readyz", http.StatusOK, "following")
	w.requireSoon(t, "/healthz", http.StatusOK, "progress")
	w.requireDelivered(t, "a", localtest.WriteEvents(t, c, "two", 5)...)

	t.Run("metrics", func(t *testing.T) {
		w.requireSoon(t, "/metrics", http.StatusOK, `packetboat_receiver_events_delivered_total{receiver="a"} 25`)
		_, body := w.get(t, "/metrics")
		for _, want := range []string{
			"packetboat_lease_held 1", "packetboat_leader 1", `packetboat_source_reads_total{mode="windows"} 1`,
			`packetboat_source_reads_total{mode="following"} 1`, "\nevents_sent 25", "packetboat_config_last_reload_successful 1",
		} {
			assert.Contains(t, body, want)
		}
		assert.NotContains(t, body, "packetboat_source_last_heard_timestamp_seconds 0\n")
		assert.NotContains(t, body, "packetboat_checkpoint_commits_total 0\n")
	})
	t.Run("the status page's snapshot", func(t *testing.T) {
		_, body := w.get(t, "/status.json")
		var s web.Snapshot
		require.NoError(t, json.Unmarshal([]byte(body), &s))
		assert.Equal(t, "following", s.State)
		require.Len(t, s.Receivers, 1)
		assert.Equal(t, web.Delivering, s.Receivers[0].State)
		assert.EqualValues(t, 25, s.Receivers[0].Delivered)
		assert.EqualValues(t, 25, s.Route.Match[0].Matched)
		assert.Len(t, s.Recent, 25)
	})
	t.Run("a new configuration is taken, and its receivers go on where they were", func(t *testing.T) {
		w.write(t, fmt.Sprintf(watched, w.file("b"))+"checkpoint: {configMap: {namespace: default, name: watched}}\n")
		require.Eventually(t, func() bool { return strings.Contains(w.log.String(), "read again") }, time.Minute, 20*time.Millisecond)
		fresh := localtest.WriteEvents(t, c, "two", 5)
		w.requireDelivered(t, "b", fresh...)
		text, err := os.ReadFile(w.file("b"))
		require.NoError(t, err)
		assert.Equal(t, 5, strings.Count(string(text), "\n"), "the cursor was kept: nothing again, nothing lost")
	})
	t.Run("a wrong one is refused, and the old one goes on", func(t *testing.T) {
		w.write(t, "route: {match: [{receiver: nobody}]}\n")
		w.requireSoon(t, "/readyz", http.StatusOK, "[-] configuration")
		assert.Contains(t, w.log.String(), "is refused")
		w.requireDelivered(t, "b", localtest.WriteEvents(t, c, "two", 5)...)
		w.requireSoon(t, "/metrics", http.StatusOK, "packetboat_config_last_reload_successful 0")
	})
	w.end(t)
	code, _ := w.get(t, "/healthz")
	assert.Zero(t, code, "nobody listens any more")
}

// TestWatchReloadsOnRequest, also if the file is as it was.
func TestWatchReloadsOnRequest(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	w := startWatch(t, c, local.Admin, watched)
	w.requireSoon(t, "/readyz", http.StatusOK, "following")
	w.reload <- struct{}{}
	w.requireSoon(t, "/metrics", http.StatusOK, `packetboat_config_reloads_total{result="taken"} 2`)
	w.requireSoon(t, "/readyz", http.StatusOK, "following")
	w.requireDelivered(t, "a", localtest.WriteEvents(t, c, "one", 5)...)
	w.end(t)
}

// TestWatchThatCanNeverWork says so and ends, for whoever starts it to see.
func TestWatchThatCanNeverWork(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	w := startWatch(t, c, local.Nobody, watched+"checkpoint: {file: {path: "+filepath.Join(t.TempDir(), "c.json")+"}}\n")
	<-w.done
	require.ErrorContains(t, w.err, `cannot list resource "events"`)
	assert.Equal(t, ExitOwed, ExitCode(w.err))

	busy := startWatch(t, c, local.Admin, watched, func(_ *Options, o *WatchOptions) { o.MetricsAddress = "256.0.0.1:1" })
	<-busy.done
	assert.Equal(t, ExitUsage, ExitCode(busy.err), "%v", busy.err)
}
