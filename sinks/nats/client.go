package nats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// client holds one connection, which is made when it is needed and anew after
// it broke. It can be cut off at any time.
type client struct {
	config Config
	dialer *httppost.Dialer
	end    context.Context // what the connection lives by
	cut    func()

	mu   sync.Mutex // guards line; held while connecting
	line *line
}

// line is a connection with what the server says of itself.
type line struct {
	conn   *natsgo.Conn
	js     jetstream.JetStream
	closed chan struct{}
	denied chan struct{} // the server said that we may not publish or listen
	forget func() bool
}

func newClient(config Config, dialer *httppost.Dialer) *client {
	end, cancel := context.WithCancel(context.Background())
	return &client{config: config, dialer: dialer, end: end, cut: cancel}
}

// Dial implements natsgo.CustomDialer. The library begins TLS itself, after the
// server's greeting.
func (c *client) Dial(network, address string) (net.Conn, error) {
	return c.dialer.DialPlain(c.end, c.end, network, address)
}

func (c *client) connected() (*line, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line != nil && c.line.conn.IsConnected() {
		return c.line, nil
	}
	l := &line{closed: make(chan struct{}), denied: make(chan struct{})}
	deny := sync.OnceFunc(func() { close(l.denied) })
	options := natsgo.GetDefaultOptions()
	options.Servers = c.config.Servers
	options.Name = "packetboat"
	options.AllowReconnect = false // a batch that was under way then is sent again by the caller
	options.Timeout = c.config.Timeout
	options.CustomDialer = c
	options.ClosedCB = func(*natsgo.Conn) { close(l.closed) }
	options.AsyncErrorCB = func(_ *natsgo.Conn, _ *natsgo.Subscription, err error) {
		if errors.Is(err, natsgo.ErrPermissionViolation) {
			deny()
		}
	}
	if config := c.dialer.TLS(); config != nil {
		options.Secure, options.TLSConfig = true, config
	}
	if err := c.config.authenticate(&options); err != nil {
		return nil, err
	}
	var err error
	if l.conn, err = options.Connect(); err != nil {
		return nil, connectError(err)
	}
	if l.js, err = jetstream.New(l.conn, jetstream.WithPublishAsyncMaxPending(2*concurrency*maxRecords)); err != nil {
		l.conn.Close()
		return nil, fmt.Errorf("begin with JetStream: %w", err)
	}
	if c.line != nil {
		c.line.forget()
	}
	// The connection ends with the client, also one that nobody waits for any more.
	l.forget = context.AfterFunc(c.end, l.conn.Close)
	c.line = l
	return l, nil
}

func (c Config) authenticate(options *natsgo.Options) error {
	options.User, options.Password, options.Token = c.Username, c.Password.Reveal(), c.Token.Reveal()
	switch {
	case c.CredentialsFile != "":
		jwtAndSeed, err := os.ReadFile(c.CredentialsFile)
		if err != nil {
			return sinks.Stop(fmt.Errorf("read credentialsFile: %w", err))
		}
		return natsgo.UserCredentialBytes(jwtAndSeed)(options)
	case c.NKeyFile != "":
		option, err := natsgo.NkeyOptionFromSeed(c.NKeyFile)
		if err != nil {
			return sinks.Stop(fmt.Errorf("read nkeyFile: %w", err))
		}
		return option(options)
	}
	return nil
}

func connectError(err error) error {
	for _, wrong := range []error{
		natsgo.ErrAuthorization, natsgo.ErrAuthExpired, natsgo.ErrAuthRevoked, natsgo.ErrAccountAuthExpired,
		natsgo.ErrSecureConnRequired, natsgo.ErrSecureConnWanted, natsgo.ErrNkeysNotSupported, natsgo.ErrHeadersNotSupported,
	} {
		if errors.Is(err, wrong) {
			return sinks.Stop(fmt.Errorf("connect: %w", err))
		}
	}
	return httppost.NetworkError(context.Background(), err)
}
