package webhook

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                                            "endpoint: is missing",
		"endpoint: ftp://h/":                            "line 1, column 11: endpoint: want a URL that begins with http:// or https://",
		"endpoint: hooks.example.com/x":                 "line 1, column 11: endpoint: want a URL that begins with http:// or https://",
		"endpoint: https:///x":                          "line 1, column 11: endpoint: the URL names no host",
		"endpoint: 'https://h:t0ken/'":                  "line 1, column 11: endpoint: not a URL (invalid port)",
		"endpoint: http://h\nmethod: GET":               `method: want POST or PUT, got "GET"`,
		"endpoint: http://h\nheaders: {'a b': c}":       `line 2, column 18: headers: "a b" is not a header name`,
		"endpoint: http://h\nheaders: {x-a: 1, X-A: 2}": "line 2, column 16: headers: X-A and x-a are the same header",
		"endpoint: http://h\nusername: u\nheaders: {authorization: x}":    "line 3, column 26: headers: authorization cannot be set beside username and password",
		"endpoint: http://h\nbatch: {mode: csv}":                          `batch.mode: want single, array or ndjson, got "csv"`,
		"endpoint: http://h\nbatch: {mode: array, size: 0}":               "batch.size: want at least 1, got 0",
		"endpoint: http://h\nbatch: {mode: array, size: 500, bytes: 501}": "batch.bytes: 501 bytes have no room for 500 events",
		"endpoint: http://h\ntimeout: -1s":                                "timeout: -1s is negative",
		"endpoint: http://h\nproxy: nonsense":                             "proxy: not a URL",
		"endpoint: http://h\nproxy: ftp://h":                              "proxy: want http://, https:// or socks5://",
		"endpoint: http://h\ntls: {certFile: x}":                          "tls: certFile is set without keyFile",
		"endpoint: http://h\ntls: {keyFile: x}":                           "tls: keyFile is set without certFile",
		"endpoint: http://h\ntls: {caFile: /does/not/exist}":              "tls: caFile: open /does/not/exist: no such file or directory",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
}

func TestABadTemplateIsFoundAtLoad(t *testing.T) {
	for _, config := range []string{
		"endpoint: 'http://h/{{ .Nmespace }}'",
		"endpoint: http://h/\nheaders: {X: '{{ .Nope }}'}",
		"endpoint: http://h/\nlayout: {a: '{{ .Nope }}'}",
	} {
		_, err := sinktest.Open(t, Kind, config)
		var at *sinks.PositionError
		require.ErrorAs(t, err, &at, config)
		assert.NotZero(t, at.Position.Line, config)
	}
}

// One webhook trusts a private authority, the other does not: whoever sent
// last must not decide for both.
func TestTwoWebhooksDoNotShareTheirTLS_DS1(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(ca, block, 0o600))

	trusting := sinktest.MustOpen(t, Kind, "endpoint: "+server.URL+"\ntls: {caFile: "+ca+"}")
	careless := sinktest.MustOpen(t, Kind, "endpoint: "+server.URL+"\ntls: {insecureSkipVerify: true}")
	strict := sinktest.MustOpen(t, Kind, "endpoint: "+server.URL)
	for range 3 {
		require.NoError(t, sinktest.Send(t, trusting, event.Sample()))
		require.NoError(t, sinktest.Send(t, careless, event.Sample()))
		err := sinktest.Send(t, strict, event.Sample())
		require.ErrorContains(t, err, "not trusted")
		require.True(t, sinks.IsStop(err))
	}
	assert.Nil(t, http.DefaultClient.Transport)
}
