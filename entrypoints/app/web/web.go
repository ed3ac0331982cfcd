// Package web is the HTTP address of watch mode: metrics, health and the status
// page.
//
// It promises to be harmless. It changes nothing, it never shows a secret, and
// what it is asked for can neither stop nor slow the delivery of events: bodies,
// answers and times are bounded. Text of events is hostile and is shown as text.
// Nothing is retried here. Everything that Options holds is called concurrently,
// once for each request.
package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// DefaultAddress is upstream's.
const DefaultAddress = ":2112"

// shutdownTime is how long requests may take to end after Serve's context did.
const shutdownTime = 3 * time.Second

// Options are what a Server shows, and where. Metrics and Health must be set.
type Options struct {
	Address string // HOST:PORT, DefaultAddress if empty
	// WebConfigFile is a configuration of prometheus/exporter-toolkit: TLS, basic
	// authentication, headers. It is read again for every request. "" is plain HTTP.
	WebConfigFile string
	Metrics       prometheus.Gatherer
	Health        func() Health
	Status        Provider // nil: there is no status page
	// StatusHosts are names that the status page may be reached by, beside those
	// that cannot be somebody else's: see README.md. "*" is any name.
	StatusHosts []string
	Log         *slog.Logger
}

// Server listens from New on, and answers once Serve is called.
type Server struct {
	listener net.Listener
	server   *http.Server
	flags    toolkit.FlagConfig
	log      *slog.Logger
}

// New listens. An address that cannot be listened on and a web configuration
// that cannot be used are errors here, before anything is delivered.
func New(o Options) (*Server, error) {
	if err := toolkit.Validate(o.WebConfigFile); err != nil {
		return nil, fmt.Errorf("read web configuration %s: %w", o.WebConfigFile, err)
	}
	address := cmp.Or(o.Address, DefaultAddress)
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics and health: %w", err)
	}
	return &Server{
		listener: listener,
		server: &http.Server{
			Handler: handler(o),
			// Nobody may hold a connection, and with it memory, for nothing.
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       time.Minute,
			MaxHeaderBytes:    16 << 10,
			// A port scan or a probe without TLS is not worth a warning.
			ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
		},
		flags: toolkit.FlagConfig{WebConfigFile: &o.WebConfigFile},
		log:   o.Log,
	}, nil
}

// Addr is the address that is listened on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers requests until ctx ends, and returns nil when all of them have
// ended. An error means that the address is lost. It is called once.
func (s *Server) Serve(ctx context.Context) error {
	// The toolkit leaves it open if the web configuration became wrong since New.
	defer s.listener.Close()
	served := make(chan error, 1)
	go func() { served <- toolkit.Serve(s.listener, s.server, &s.flags, s.log) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve metrics and health: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := s.server.Shutdown(ending); err != nil {
		// Who is still reading an answer is cut off: the process ends.
		_ = s.server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics and health: %w", err)
	}
	return nil
}

// Close stops listening, for a Server that is never served.
func (s *Server) Close() error { return s.listener.Close() }
