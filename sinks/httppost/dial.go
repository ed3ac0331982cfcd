package httppost

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/packetboat/packetboat/sinks"
)

// Dialer connects to a service that does not speak HTTP, with the same TLS
// settings: the certificate files are read when it is made, and again for the
// connection that follows their change. Its methods may be called concurrently.
type Dialer struct {
	settings TLS
	encrypt  bool
	log      *slog.Logger

	mu   sync.Mutex
	seen []fileVersion
	now  *tls.Config
}

// NewDialer reads the certificate files and connects to nothing. Without
// encrypt the settings are not looked at.
func NewDialer(settings TLS, encrypt bool, env sinks.Env) (*Dialer, error) {
	d := &Dialer{settings: settings, encrypt: encrypt, log: env.Log, seen: fileVersions(settings.files())}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if !encrypt {
		return d, nil
	}
	var err error
	d.now, err = settings.Load()
	return d, err
}

// Dial connects, and is done with the handshake when it returns. The name that
// the certificate must have is that of address unless the settings name one.
func (d *Dialer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	config := d.TLS()
	if config == nil {
		return plainDialer().DialContext(ctx, network, address)
	}
	return (&tls.Dialer{NetDialer: plainDialer(), Config: config}).DialContext(ctx, network, address)
}

func plainDialer() *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
}

// DialUntil is Dial for client libraries that cannot be interrupted: the
// connection breaks when end ends.
func (d *Dialer) DialUntil(ctx, end context.Context, network, address string) (net.Conn, error) {
	return dialUntil(ctx, end, network, address, d.Dial)
}

// DialPlain is DialUntil without TLS, for protocols that begin it later.
func (d *Dialer) DialPlain(ctx, end context.Context, network, address string) (net.Conn, error) {
	return dialUntil(ctx, end, network, address, plainDialer().DialContext)
}

func dialUntil(ctx, end context.Context, network, address string,
	dial func(ctx context.Context, network, address string) (net.Conn, error),
) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(end, cancel)()
	conn, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &line{conn, context.AfterFunc(end, func() { _ = conn.Close() })}, nil
}

type line struct {
	net.Conn
	forget func() bool
}

func (l *line) Close() error {
	l.forget()
	return l.Conn.Close()
}

// TLS are the settings as the files now are, nil without encryption.
func (d *Dialer) TLS() *tls.Config {
	if !d.encrypt {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	versions := fileVersions(d.settings.files())
	if !slices.Equal(versions, d.seen) {
		d.seen = versions
		if next, err := d.settings.Load(); err == nil {
			d.now = next
		} else {
			// In mid-rotation a file may be missing or half written; it changes again when it is done.
			d.log.Warn("certificate files changed and cannot be read; the old ones stay in use", "error", err)
		}
	}
	return d.now.Clone()
}
