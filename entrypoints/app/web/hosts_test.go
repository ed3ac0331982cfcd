package web

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNamesThatNobodyCanRegister(t *testing.T) {
	h := newHosts([]string{"Events.Example.com"})
	for _, name := range []string{
		"localhost", "localhost:2112", "127.0.0.1:8080", "[::1]:2112", "::1", "10.1.2.3", "packetboat:2112", "packetboat.ops.svc",
		"packetboat.ops.svc.cluster.local.:2112", "x.localhost", "LOCALHOST", "events.example.com", "EVENTS.example.com:443",
	} {
		assert.True(t, h.ours(name), name)
	}
	for _, name := range []string{
		"", ":2112", "evil.example", "evil.example:2112", "127.0.0.1.evil.example", "localhost.evil.example", "svc.evil.example",
		"events.example.com.evil.example", "notevents.example.com", "xsvc.com", "evil.example:80:80",
	} {
		assert.False(t, h.ours(name), name)
	}
	assert.True(t, newHosts([]string{"*"}).ours("evil.example"))
}

func TestOnlyWhatTellsOfEventsLooksAtTheName(t *testing.T) {
	at := serve(t, newWorld(t).options())
	for path, status := range map[string]int{
		"/": 403, "/status.json": 403, "/static/app.js": 403, "/metrics": 200, "/healthz": 200, "/readyz": 200,
	} {
		assert.Equal(t, status, ask(t, http.MethodGet, at+path, "", "Host", "evil.example").status, path)
	}
	assert.Contains(t, ask(t, http.MethodGet, at+"/", "", "Host", "events.example.com").body, "--status-host")
}
