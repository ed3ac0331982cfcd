// Package redis sends events to a stream, a list or a channel of Redis, Valkey
// or what else speaks their protocol.
//
// A batch is one transaction in one pipeline: it is taken as a whole or not at
// all, also when the connection breaks in the middle. Accepted means that the
// server has it as durably as it is configured to. Send makes one attempt and
// does not retry, nor does the client library. All methods may be called
// concurrently.
package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Kind is the Redis sink.
var Kind = sinks.NewKind("redis", sinks.Oldest, defaults, open)

// concurrency keeps one receiver from taking all connections of a server.
const concurrency = 4

type sink struct {
	config  Config
	dialer  *httppost.Dialer
	key     func(*event.Event) (string, error)
	payload func(*event.Event) ([]byte, error)

	mu     sync.Mutex // guards client
	client *client    // nil until the first Send and after an interrupted one
}

// client can be cut off at any time.
type client struct {
	goredis.UniversalClient
	cut func()
}

func open(_ context.Context, c Config, env sinks.Env) (sinks.Sink, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &sink{config: c}
	var err error
	if s.key, err = env.Compiler.Template(c.Key); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	if s.payload, err = env.Compiler.Payload(c.Payload); err != nil {
		return nil, err
	}
	if s.dialer, err = httppost.NewDialer(c.TLS.TLS, c.TLS.Enable, env); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sink) Limits() sinks.Limits { return sinks.Limits{Concurrency: concurrency} }

func (s *sink) Encode(ev *event.Event) (sinks.Record, error) {
	key, err := s.key(ev)
	if err != nil {
		return sinks.Record{}, fmt.Errorf("key: %w", err)
	}
	if key == "" {
		return sinks.Record{}, s.config.Key.Position.Errorf("key, as rendered for this event, is empty")
	}
	body, err := s.payload(ev)
	if err != nil {
		return sinks.Record{}, err
	}
	return sinks.Record{ID: ev.ID(), Key: key, Event: ev, Body: body}, nil
}

func (s *sink) Send(ctx context.Context, batch []sinks.Record) error {
	if err := ctx.Err(); err != nil || len(batch) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.config.Timeout, fmt.Errorf("no answer within %s", s.config.Timeout))
	defer cancel()
	c := s.connect()
	pipe := c.TxPipeline()
	for _, r := range batch {
		s.command(ctx, pipe, r)
	}
	done := make(chan error, 1)
	go func() {
		commands, err := pipe.Exec(ctx)
		done <- why(commands, err)
	}()
	select {
	case err := <-done:
		if goredis.IsReadOnlyError(err) {
			s.drop(c) // after a failover behind one address: new connections find the master
		}
		return s.verdict(ctx, batch[0].Key, err)
	case <-ctx.Done():
		// The library interrupts no read: cutting its connections does.
		s.drop(c)
		return fmt.Errorf("send: no answer: %w", context.Cause(ctx))
	}
}

// command adds a record to the transaction, as a copy: it may still be read
// after an interrupted Send.
func (s *sink) command(ctx context.Context, pipe goredis.Pipeliner, r sinks.Record) {
	body := string(r.Body)
	switch s.config.Command {
	case lpush:
		pipe.LPush(ctx, r.Key, body)
	case rpush:
		pipe.RPush(ctx, r.Key, body)
	case publish:
		pipe.Publish(ctx, r.Key, body)
	default:
		pipe.XAdd(ctx, &goredis.XAddArgs{
			Stream: r.Key, MaxLen: s.config.MaxLen, Approx: s.config.MaxLen > 0, Values: []string{"id", r.ID, "event", body},
		})
	}
}

// why is the reason behind an aborted transaction, which stands with one of its commands.
func why(commands []goredis.Cmder, err error) error {
	if err == nil {
		return nil
	}
	for _, c := range commands {
		if c.Err() != nil && !goredis.IsExecAbortError(c.Err()) {
			return c.Err()
		}
	}
	return err
}

func (s *sink) verdict(ctx context.Context, key string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("send: no answer: %w", context.Cause(ctx))
	}
	var answer goredis.Error
	if !errors.As(err, &answer) {
		return fmt.Errorf("send: %w", httppost.NetworkError(ctx, err))
	}
	code := code(answer)
	reason := fmt.Errorf("send: answered %s", code)
	switch {
	case code == "WRONGTYPE":
		reason = fmt.Errorf("send: key %q does not hold what %s adds to", key, s.config.Command)
		if s.config.keyIsConstant() {
			return sinks.Stop(reason)
		}
		// The event chose the key: it must not stop all the others.
		return sinks.Permanent(reason)
	case goredis.IsAuthError(err) || goredis.IsPermissionError(err) || code == "ERR unknown command" || code == "ERR DB index is out of range":
		return sinks.Stop(reason)
	}
	return reason
}

func (s *sink) connect() *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		s.client = s.newClient()
	}
	return s.client
}

// silence: the library writes addresses to the standard error.
var silence = sync.OnceFunc(func() { goredis.SetLogger(&logging.VoidLogger{}) })

// newClient connects to nothing.
func (s *sink) newClient() *client {
	silence()
	c := s.config
	end, cancel := context.WithCancel(context.Background())
	universal := goredis.NewUniversalClient(&goredis.UniversalOptions{
		Addrs: c.Addresses, IsClusterMode: c.Cluster, MasterName: c.MasterName, DB: c.DB,
		Username: c.Username, Password: c.Password.Reveal(),
		SentinelUsername: c.SentinelUsername, SentinelPassword: c.SentinelPassword.Reveal(),
		ClientName: "packetboat", DisableIdentity: true,
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			return s.dialer.DialUntil(ctx, end, network, address)
		},
		// One attempt: nothing is repeated. A cluster's redirection is followed by the
		// next one, which knows the cluster anew.
		MaxRetries: -1, MaxRedirects: -1, DialerRetries: 1,
		// The end of Send's context is what bounds an attempt: it cuts the connections.
		DialTimeout: c.Timeout, PoolTimeout: c.Timeout, ReadTimeout: -1, WriteTimeout: -1,
		PoolSize: 2 * concurrency, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	return &client{universal, sync.OnceFunc(func() {
		cancel()
		go func() { _ = universal.Close() }()
	})}
}

func (s *sink) drop(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == c {
		s.client = nil
	}
	c.cut()
}

func (s *sink) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		s.client.cut()
		s.client = nil
	}
	return nil
}
