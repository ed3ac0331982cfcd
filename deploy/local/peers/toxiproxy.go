package peers

import "testing"

// StartToxiproxy starts a TCP proxy that can delay, cut and stall what passes.
// It returns the URL of its HTTP API. It is a process of its own with and
// without LIVE: there is no fake of it.
func StartToxiproxy(t testing.TB) string {
	t.Helper()
	addr := program{name: "toxiproxy", pkg: "github.com/Shopify/toxiproxy/v2/cmd/server", version: "v2.5.0"}.
		start(t, "/version", nil, func(host, port string) []string {
			return []string{"-host", host, "-port", port}
		})
	return "http://" + addr
}
