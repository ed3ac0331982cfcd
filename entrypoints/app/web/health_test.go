package web

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHealthSaysWhy_DM3(t *testing.T) {
	w := newWorld(t)
	w.health = Health{
		Live: Check{OK: true, Reasons: []Reason{
			{"progress", true, "the last page came 2 s ago"},
			{"reload", false, "the new configuration is refused: line 3: unknown receiver"},
		}},
		Ready: Check{OK: false, Reasons: []Reason{{"watch", false, "no answer from the API server for 40 s"}}},
	}
	at := serve(t, w.options())
	for _, path := range []string{"/healthz", "/-/healthy"} {
		got := ask(t, http.MethodGet, at+path, "")
		assert.Equal(t, http.StatusOK, got.status, path)
		assert.Equal(t, "text/plain; charset=utf-8", got.header.Get("Content-Type"))
		assert.Equal(t, "ok\n[+] progress: the last page came 2 s ago\n"+
			"[-] reload: the new configuration is refused: line 3: unknown receiver\n", got.body, path)
	}
	for _, path := range []string{"/readyz", "/-/ready"} {
		got := ask(t, http.MethodGet, at+path, "")
		assert.Equal(t, http.StatusServiceUnavailable, got.status, path)
		assert.Equal(t, "not ok\n[-] watch: no answer from the API server for 40 s\n", got.body, path)
	}
	assert.Equal(t, http.StatusServiceUnavailable, ask(t, http.MethodHead, at+"/readyz", "").status)
	const machine = `{"ok":false,"reasons":[{"name":"watch","ok":false,"text":"no answer from the API server for 40 s"}]}` + "\n"
	got := ask(t, http.MethodGet, at+"/readyz?output=json", "")
	assert.Equal(t, http.StatusServiceUnavailable, got.status)
	assert.Equal(t, "application/json", got.header.Get("Content-Type"))
	assert.Equal(t, machine, got.body)
	assert.Equal(t, machine, ask(t, http.MethodGet, at+"/readyz", "", "Accept", "application/json").body)
	w.health.Ready = Check{OK: true}
	assert.Equal(t, `{"ok":true,"reasons":[]}`+"\n", ask(t, http.MethodGet, at+"/readyz?output=json", "").body)
	assert.Equal(t, "ok\n", ask(t, http.MethodGet, at+"/readyz", "").body)
}
