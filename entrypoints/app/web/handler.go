package web

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{
		// One collector that fails must not hide what the others know.
		ErrorHandling:       promhttp.ContinueOnError,
		ErrorLog:            slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
		MaxRequestsInFlight: 8,
	}))
	live := func() Check { return o.Health().Live }
	ready := func() Check { return o.Health().Ready }
	for path, check := range map[string]func() Check{
		"/healthz": live, "/-/healthy": live,
		"/readyz": ready, "/-/ready": ready,
	} {
		mux.Handle("GET "+path, answerCheck(check))
	}
	if o.Status == nil {
		mux.HandleFunc("GET /{$}", links)
	} else {
		addPage(mux, o)
	}
	return withHeaders(mux)
}

// withHeaders says what a browser may do with our answers: next to nothing.
func withHeaders(next http.Handler) http.Handler {
	headers := map[string]string{
		// Trusted types: a script that assigns to innerHTML fails, even if it is ours.
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			if w.Header().Get(name) == "" { // the web configuration goes first
				w.Header().Set(name, value)
			}
		}
		next.ServeHTTP(w, r)
	})
}

func links(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>packetboat</title>
<h1>packetboat</h1>
<ul><li><a href="metrics">metrics</a></li><li><a href="healthz">healthz</a></li><li><a href="readyz">readyz</a></li></ul>
<p>The status page is off.</p>
`))
}

// writeJSON: an error means that the client is gone, and nobody else to tell.
func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func writeError(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, struct {
		Error string `json:"error"`
	}{text})
}
