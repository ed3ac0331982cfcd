package httppost

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/packetboat/packetboat/sinks"
)

// transports holds the transport in use and replaces it when a certificate file
// has changed, so that a rotated certificate needs no restart.
type transports struct {
	config Config
	log    *slog.Logger

	mu   sync.Mutex
	seen []fileVersion
	now  *http.Transport
}

type fileVersion struct {
	modified time.Time
	size     int64
}

func newTransports(config Config, env sinks.Env) (*transports, error) {
	t := &transports{config: config, log: env.Log, seen: fileVersions(config.TLS.files())}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	var err error
	t.now, err = newTransport(config)
	return t, err
}

func (t *transports) current() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	files := t.config.TLS.files()
	if len(files) == 0 {
		return t.now
	}
	// Looked at before reading: a change in between is then found the next time.
	versions := fileVersions(files)
	if slices.Equal(versions, t.seen) {
		return t.now
	}
	t.seen = versions
	next, err := newTransport(t.config)
	if err != nil {
		// In mid-rotation a file may be missing or half written; it changes again when it is done.
		t.log.Warn("certificate files changed and cannot be read; the old ones stay in use", "error", err)
		return t.now
	}
	t.now.CloseIdleConnections()
	t.now = next
	return next
}

func (t *transports) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.CloseIdleConnections()
}

func fileVersions(files []string) []fileVersion {
	versions := make([]fileVersion, len(files))
	for i, name := range files {
		if info, err := os.Stat(name); err == nil {
			versions[i] = fileVersion{info.ModTime(), info.Size()}
		}
	}
	return versions
}

func newTransport(config Config) (*http.Transport, error) {
	tlsConfig, err := config.TLS.Load()
	if err != nil {
		return nil, err
	}
	proxy, err := config.proxy()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:           proxy,
		DialContext:     dialer.DialContext,
		TLSClientConfig: tlsConfig,
		// A TLSClientConfig of one's own turns HTTP/2 off otherwise.
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: drainBytes,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			return proxyAnswered(resp.StatusCode)
		},
	}, nil
}
