package web

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/packetboat/packetboat/core/event"
)

func TestAnAddressThatIsTakenIsAnErrorAtOnce_DM4(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	o := newWorld(t).options()
	o.Address = taken.Addr().String()
	_, err = New(o)
	assert.ErrorContains(t, err, "listen for metrics and health: ")
	assert.ErrorContains(t, err, "address already in use")
	o.Address = "nowhere"
	_, err = New(o)
	assert.ErrorContains(t, err, "missing port in address")
}

func TestAWebConfigurationThatIsWrongIsAnErrorAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "web.yaml")
	o := newWorld(t).options()
	o.WebConfigFile = file
	_, err := New(o)
	assert.ErrorContains(t, err, "read web configuration "+file)
	require.NoError(t, os.WriteFile(file, []byte("tls_server_config: {cert_file: gone.pem, key_file: gone.key}"), 0o600))
	_, err = New(o)
	assert.ErrorContains(t, err, "gone.pem")
}

func TestServeEndsWithItsContextAndLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	client := &http.Client{Transport: &http.Transport{}}
	s, err := New(newWorld(t).options())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx) }()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+"/healthz", http.NoBody)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, do(t, client, request).status)
	cancel()
	require.NoError(t, <-done)
	client.CloseIdleConnections()
	again, err := net.Listen("tcp", s.Addr().String())
	require.NoError(t, err, "the address is free")
	require.NoError(t, again.Close())
}

func TestServeThatIsOverBeforeItBegan(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, err := New(newWorld(t).options())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Serve(ctx))
	_, err = net.Dial("tcp", s.Addr().String())
	require.Error(t, err)
}

func TestAServerThatIsNotServedGivesItsAddressBack(t *testing.T) {
	s, err := New(newWorld(t).options())
	require.NoError(t, err)
	require.NoError(t, s.Close())
	again, err := net.Listen("tcp", s.Addr().String())
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestALostAddressIsAnError(t *testing.T) {
	s, err := New(newWorld(t).options())
	require.NoError(t, err)
	require.NoError(t, s.listener.Close())
	assert.ErrorContains(t, s.Serve(t.Context()), "serve metrics and health: ")
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "boats_total", Help: "Boats."})
	registry.MustRegister(counter)
	counter.Add(3)
	o := newWorld(t).options()
	o.Metrics = registry
	got := ask(t, http.MethodGet, serve(t, o)+"/metrics", "")
	assert.Equal(t, http.StatusOK, got.status)
	assert.Contains(t, got.body, "boats_total 3\n")
}

func TestWithoutAStatusPage(t *testing.T) {
	o := newWorld(t).options()
	o.Status = nil
	at := serve(t, o)
	got := ask(t, http.MethodGet, at+"/", "")
	assert.Contains(t, got.body, `<a href="metrics">`)
	for _, path := range []string{"/status.json", "/static/app.js", "/other"} {
		assert.Equal(t, http.StatusNotFound, ask(t, http.MethodGet, at+path, "").status, path)
	}
	assert.Equal(t, http.StatusNotFound, ask(t, http.MethodPost, at+"/explain", "{}", "Content-Type", "application/json").status)
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	at := serve(t, newWorld(t).options())
	for _, path := range []string{"/", "/static/app.js", "/status.json", "/metrics", "/healthz", "/nothing"} {
		h := ask(t, http.MethodGet, at+path, "").header
		assert.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self';", path)
		assert.Contains(t, h.Get("Content-Security-Policy"), "frame-ancestors 'none'", path)
		assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		assert.Equal(t, "no-store", h.Get("Cache-Control"), path)
		assert.Empty(t, h.Get("Access-Control-Allow-Origin"), path)
	}
}

func TestOnlyExplainTakesABody(t *testing.T) {
	at := serve(t, newWorld(t).options())
	for _, path := range []string{"/", "/status.json", "/metrics", "/healthz"} {
		assert.Equal(t, http.StatusMethodNotAllowed, ask(t, http.MethodPost, at+path, "x").status, path)
	}
	assert.Equal(t, http.StatusMethodNotAllowed, ask(t, http.MethodGet, at+"/explain", "").status)
	got := ask(t, http.MethodGet, at+"/static/", "")
	assert.NotContains(t, got.body, "style.css\">style", "no list of files")
}

func TestScrapesAndSnapshotsConcurrently(t *testing.T) {
	w := newWorld(t)
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "entered_total", Help: "Entered."},
		func() float64 { return float64(w.counter.Counts().Entered) }))
	o := w.options()
	o.Metrics = registry
	at := serve(t, o)
	var wg sync.WaitGroup
	for _, path := range []string{"/metrics", "/status.json", "/readyz", "/"} {
		wg.Go(func() {
			for range 20 {
				assert.Equal(t, http.StatusOK, ask(t, http.MethodGet, at+path, "").status, path)
				w.counter.Route(event.Sample(), nil)
			}
		})
	}
	wg.Wait()
	assert.Contains(t, ask(t, http.MethodGet, at+"/metrics", "").body, "entered_total 80\n")
}
