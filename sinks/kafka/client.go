package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/IBM/sarama"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// client is a sarama client that can be cut off at any time.
type client struct {
	sarama.Client
	config  Config
	numbers *sequences // the sink's; nil without idempotence
	cut     func()
}

// newClient connects to nothing.
func (s *sink) newClient() (*client, error) {
	ctx, cancel := context.WithCancel(context.Background())
	c, err := sarama.NewClient(s.config.Brokers, s.clientConfig(ctx))
	if err != nil {
		cancel()
		return nil, sinks.Stop(fmt.Errorf("set up the client: %w", err))
	}
	return &client{c, s.config, s.numbers, sync.OnceFunc(func() {
		cancel()
		go func() { _ = c.Close() }() // it waits for whoever is still asking a broker
	})}, nil
}

func (s *sink) clientConfig(ctx context.Context) *sarama.Config {
	config, sc := s.config, sarama.NewConfig()
	sc.ClientID = config.ClientID
	sc.Version, _ = config.version()
	sc.Net.ReadTimeout, sc.Net.WriteTimeout, sc.Net.DialTimeout = config.Timeout, config.Timeout, config.Timeout
	sc.Net.Proxy.Enable, sc.Net.Proxy.Dialer = true, lines{ctx, s.dialer}
	sc.Metadata.Full = false
	sc.Metadata.Retry.Max = 0
	sc.Metadata.AllowAutoTopicCreation = config.AutoCreateTopic
	s.authenticate(ctx, sc)
	return sc
}

// lines are the connections of one client. They break when ctx ends.
type lines struct {
	ctx    context.Context // sarama's dialer takes none
	dialer *httppost.Dialer
}

func (l lines) Dial(network, address string) (net.Conn, error) {
	return l.dialer.DialUntil(l.ctx, l.ctx, network, address)
}

// why says what is behind sarama's "run out of available brokers": the first
// broker's error, or, since sarama drops a code such as that of a mechanism that
// is not enabled, what one says to another connection.
func (c *client) why(err error) error {
	if !errors.Is(err, sarama.ErrOutOfBrokers) {
		return err
	}
	var each interface{ Unwrap() []error }
	if errors.As(err, &each) {
		return fmt.Errorf("connect to the brokers: %w", each.Unwrap()[0])
	}
	for _, address := range c.config.Brokers {
		b := sarama.NewBroker(address)
		if b.Open(c.Config()) != nil {
			continue
		}
		_, reason := b.Connected()
		_ = b.Close()
		if reason != nil {
			return fmt.Errorf("connect to the brokers: %w", reason)
		}
	}
	return err
}
