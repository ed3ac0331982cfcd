package kafka

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below kafka: in a receiver.
type Config struct {
	// Topic is rendered for each event.
	Topic sinks.Template `yaml:"topic"`
	// Brokers are addresses of some of the cluster's brokers, host:port.
	Brokers []string `yaml:"brokers"`
	// Key of a message, rendered for each event; it decides the partition.
	Key sinks.Template `yaml:"key"`
	// Headers of a message; their values are rendered for each event.
	Headers map[string]sinks.Template `yaml:"headers"`
	// ClientID is how the brokers name this client.
	ClientID string `yaml:"clientId"`
	// CompressionCodec is none, snappy, gzip, lz4 or zstd.
	CompressionCodec string `yaml:"compressionCodec"`
	// Version of the oldest broker; empty: what the brokers say of themselves decides.
	Version string `yaml:"version"`
	// Acks is all or leader: who has a batch before it counts as accepted.
	Acks string `yaml:"acks"`
	// Idempotent lets the brokers recognise a batch that comes again because its answer was lost.
	Idempotent bool `yaml:"idempotent"`
	// AutoCreateTopic lets a broker create a missing topic, if it is configured to.
	AutoCreateTopic bool `yaml:"autoCreateTopic"`
	// MaxMessageBytes is the topic's max.message.bytes, which bounds a batch for one partition.
	MaxMessageBytes int `yaml:"maxMessageBytes"`
	// Timeout bounds the wait for one answer.
	Timeout time.Duration `yaml:"timeout"`
	// TLS is the encryption of connections to the brokers.
	TLS tlsConfig `yaml:"tls"`
	// SASL is how this client authenticates.
	SASL saslConfig `yaml:"sasl"`
	// Avro encodes the payload by a schema.
	Avro avroConfig `yaml:"avro"`

	Payload sinks.Payload `yaml:",inline"`
}

type tlsConfig struct {
	// Enable encrypts.
	Enable       bool `yaml:"enable"`
	httppost.TLS `yaml:",inline"`
}

type avroConfig struct {
	// SchemaID is the number of the schema in a Confluent registry, or 32 hex
	// digits for upstream's own format.
	SchemaID string `yaml:"schemaID"`
	Schema   string `yaml:"schema"` // the schema itself, as JSON
}

type saslConfig struct {
	// Enable authenticates.
	Enable bool `yaml:"enable"`
	// Mechanism is plain, sha256, sha512, oauthbearer or aws-msk-iam; empty is plain.
	Mechanism string `yaml:"mechanism"`
	// Username and Password are for plain and SCRAM.
	Username string        `yaml:"username"`
	Password secret.String `yaml:"password"`
	OAuth    oauthConfig   `yaml:"oauth"`
	AWS      awsConfig     `yaml:"aws"`
}

// oauthConfig says where the token of oauthbearer comes from.
type oauthConfig struct {
	TokenFile string `yaml:"tokenFile"` // holds the token, read again for each connection
	TokenURL  string `yaml:"tokenURL"`  // client credentials are changed for a token here
	// ClientID, ClientSecret and Scopes are for TokenURL.
	ClientID     string        `yaml:"clientID"`
	ClientSecret secret.String `yaml:"clientSecret"`
	Scopes       []string      `yaml:"scopes"`
}

// awsConfig says who signs for aws-msk-iam, as the receivers of AWS do; empty is
// the SDK's default chain.
type awsConfig struct {
	// Region is the cluster's; default that of the environment.
	Region     string               `yaml:"region"`
	AssumeRole awsconfig.AssumeRole `yaml:"assumeRole"`
	// AccessKeyID and SecretAccessKey are for services without roles.
	AccessKeyID     secret.String `yaml:"accessKeyID"`
	SecretAccessKey secret.String `yaml:"secretAccessKey"`
}

func defaults() Config {
	return Config{
		Key: sinks.Template{Text: "{{ .UID }}"}, ClientID: "packetboat", CompressionCodec: "none", Acks: "all",
		Idempotent: true, AutoCreateTopic: true, Timeout: 30 * time.Second,
		MaxMessageBytes: 1048588, // what a broker takes unless it is told otherwise
	}
}

var codecs = map[string]sarama.CompressionCodec{
	"": sarama.CompressionNone, "none": sarama.CompressionNone, "snappy": sarama.CompressionSnappy,
	"gzip": sarama.CompressionGZIP, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

var acks = map[string]sarama.RequiredAcks{"all": sarama.WaitForAll, "leader": sarama.WaitForLocal}

// leastMessageBytes leaves room for an event.
const leastMessageBytes = 16 << 10

func (c Config) check() error {
	if c.Topic.IsZero() {
		return errors.New("topic: is missing")
	}
	if c.topicIsConstant() {
		if err := checkTopic(c.Topic.Text); err != nil {
			return c.Topic.Position.Errorf("topic: %w", err)
		}
	}
	if len(c.Brokers) == 0 {
		return errors.New("brokers: is missing")
	}
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			return fmt.Errorf("brokers: want host:port, got %q", b)
		}
	}
	if _, known := codecs[c.CompressionCodec]; !known {
		return fmt.Errorf("compressionCodec: want none, snappy, gzip, lz4 or zstd, got %q", c.CompressionCodec)
	}
	if _, known := acks[c.Acks]; !known {
		return fmt.Errorf("acks: want all or leader, got %q", c.Acks)
	}
	if c.MaxMessageBytes < leastMessageBytes {
		return fmt.Errorf("maxMessageBytes: want at least %d, got %d", leastMessageBytes, c.MaxMessageBytes)
	}
	if c.Timeout <= 0 {
		return fmt.Errorf("timeout: want more than 0, got %s", c.Timeout)
	}
	if _, err := c.version(); err != nil {
		return err
	}
	return c.SASL.check()
}

func (c Config) topicIsConstant() bool { return !strings.Contains(c.Topic.Text, "{{") }

// idempotent: only what all replicas have can be recognised again.
func (c Config) idempotent() bool { return c.Idempotent && c.Acks == "all" }

// version is never below 0.11: record batches, headers and all since need it.
func (c Config) version() (sarama.KafkaVersion, error) {
	if c.Version == "" {
		return sarama.MaxVersion, nil
	}
	v, err := sarama.ParseKafkaVersion(c.Version)
	if err != nil {
		return v, fmt.Errorf("version: want a version of Kafka such as 3.9.0, got %q", c.Version)
	}
	if !v.IsAtLeast(sarama.V0_11_0_0) {
		return sarama.V0_11_0_0, nil
	}
	return v, nil
}

func (s saslConfig) check() error {
	if !s.Enable {
		return nil
	}
	switch s.Mechanism {
	case "", "plain", "sha256", "sha512":
		if s.Username == "" || s.Password.IsZero() {
			return errors.New("sasl: username and password are needed")
		}
	case "oauthbearer":
		byFile, byURL := s.OAuth.TokenFile != "", s.OAuth.TokenURL != ""
		if byFile == byURL {
			return errors.New("sasl.oauth: want either tokenFile or tokenURL")
		}
		if byURL {
			if _, err := httppost.ParseURL(s.OAuth.TokenURL); err != nil {
				return fmt.Errorf("sasl.oauth.tokenURL: %w", err)
			}
		}
	case "aws-msk-iam":
	default:
		return fmt.Errorf("sasl.mechanism: want plain, sha256, sha512, oauthbearer or aws-msk-iam, got %q", s.Mechanism)
	}
	return nil
}

// checkTopic holds the rule of Kafka for names.
func checkTopic(name string) error {
	legal := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)
	}
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q is not the name of a topic", name)
	case len(name) > 249:
		return fmt.Errorf("a name has at most 249 characters, this one %d", len(name))
	case strings.ContainsFunc(name, func(r rune) bool { return !legal(r) }):
		return fmt.Errorf("%q: a name has only letters, digits, '.', '_' and '-'", name)
	}
	return nil
}

func (c Config) headerNames() []string { return slices.Sorted(maps.Keys(c.Headers)) }
