package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// hosts are the names that the page may be reached by. A browser takes a page of
// evil.example whose name was made to point here, such as at a forwarded port on
// 127.0.0.1, for the same origin, and would let it read events (DNS rebinding).
// What gives it away is the name in the Host header.
type hosts struct {
	any   bool
	named []string
}

func newHosts(names []string) hosts {
	h := hosts{any: slices.Contains(names, "*")}
	for _, name := range names {
		h.named = append(h.named, strings.ToLower(name))
	}
	return h
}

// ours reports whether a Host header is a name that nobody can register: an
// address, a name without a dot, one of this machine or of the cluster; or one
// that was allowed.
func (h hosts) ours(host string) bool {
	if h.any {
		return true
	}
	name := host
	if n, _, err := net.SplitHostPort(host); err == nil {
		name = n
	}
	name = strings.TrimSuffix(strings.ToLower(strings.Trim(name, "[]")), ".")
	if name == "" {
		return false
	}
	if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(name, ".") {
		return true
	}
	for _, suffix := range []string{".localhost", ".svc", ".cluster.local", ".internal", ".local"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return slices.Contains(h.named, name)
}

func (h hosts) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.ours(r.Host) {
			http.Error(w, fmt.Sprintf("the status page is not shown under the name %q: allow it with --status-host", r.Host),
				http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
