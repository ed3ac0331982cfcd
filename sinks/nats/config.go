package nats

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below nats: in a receiver.
type Config struct {
	// Servers are URLs of some servers of the cluster: nats://host:4222.
	Servers []string `yaml:"servers"`
	// Subject is rendered for each event. A stream must have it.
	Subject sinks.Template `yaml:"subject"`
	// Stream is the one that must take the events; empty is any.
	Stream string `yaml:"stream"`
	// Headers of a message; their values are rendered for each event.
	Headers map[string]sinks.Template `yaml:"headers"`
	// Username and Password are those of a user of the server.
	Username string        `yaml:"username"`
	Password secret.String `yaml:"password"`
	// Token is sent in place of a user.
	Token secret.String `yaml:"token"`
	// CredentialsFile holds a JWT and its seed, read for each connection.
	CredentialsFile string `yaml:"credentialsFile"`
	// NKeyFile holds the seed of an NKey.
	NKeyFile string `yaml:"nkeyFile"`
	// MaxPayload is the server's max_payload, which bounds a message with its headers.
	MaxPayload int `yaml:"maxPayload"`
	// Timeout bounds one attempt.
	Timeout time.Duration `yaml:"timeout"`
	// TLS is the encryption of connections to the servers.
	TLS tlsConfig `yaml:"tls"`

	Payload sinks.Payload `yaml:",inline"`
}

type tlsConfig struct {
	// Enable encrypts.
	Enable       bool `yaml:"enable"`
	httppost.TLS `yaml:",inline"`
}

func defaults() Config {
	return Config{Timeout: 30 * time.Second, MaxPayload: 1 << 20} // 1 MiB is what a server takes unless it is told otherwise
}

// headerBytes are kept free of a message for its headers.
const headerBytes = 4 << 10

func (c Config) check() error {
	if len(c.Servers) == 0 {
		return errors.New("servers: is missing")
	}
	for _, s := range c.Servers {
		if err := checkServer(s); err != nil {
			return fmt.Errorf("servers: %w", err)
		}
	}
	if c.Subject.IsZero() {
		return errors.New("subject: is missing")
	}
	if c.subjectIsConstant() {
		if err := checkSubject(c.Subject.Text); err != nil {
			return c.Subject.Position.Errorf("subject: %w", err)
		}
	}
	for _, name := range c.headerNames() {
		if !httpguts.ValidHeaderFieldName(name) || strings.HasPrefix(strings.ToLower(name), "nats-") {
			return c.Headers[name].Position.Errorf("headers: %q is not a header name that can be set", name)
		}
	}
	if c.MaxPayload < 2*headerBytes {
		return fmt.Errorf("maxPayload: want at least %d, got %d", 2*headerBytes, c.MaxPayload)
	}
	if c.Timeout <= 0 {
		return fmt.Errorf("timeout: want more than 0, got %s", c.Timeout)
	}
	if c.TLS.TLS != (httppost.TLS{}) && !c.encrypt() {
		return errors.New("tls: is set, but neither tls.enable nor a server with tls://")
	}
	return c.checkCredentials()
}

// encrypt is whether connections must be. A server may ask for it of itself.
func (c Config) encrypt() bool {
	return c.TLS.Enable || slices.ContainsFunc(c.Servers, func(s string) bool { return strings.HasPrefix(s, "tls://") })
}

func (c Config) checkCredentials() error {
	given := 0
	for _, is := range []bool{c.Username != "" || !c.Password.IsZero(), !c.Token.IsZero(), c.CredentialsFile != "", c.NKeyFile != ""} {
		if is {
			given++
		}
	}
	if given > 1 {
		return errors.New("want one of username and password, token, credentialsFile and nkeyFile")
	}
	return nil
}

func checkServer(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Hostname() == "":
		return errors.New("want URLs such as nats://host:4222 or tls://host:4222")
	case u.User != nil:
		return errors.New("a URL holds a name or password: use username, password or token")
	}
	return nil
}

func (c Config) subjectIsConstant() bool { return !strings.Contains(c.Subject.Text, "{{") }

func (c Config) headerNames() []string { return slices.Sorted(maps.Keys(c.Headers)) }

// maxSubject leaves room for the rest of the line that a server reads: 4,096 bytes
// (max_control_line). It cuts off who sends a longer one, and that would never end.
const maxSubject = 3 << 10

// checkSubject holds what NATS says of a subject to publish to.
func checkSubject(subject string) error {
	if len(subject) > maxSubject {
		return fmt.Errorf("%d bytes are more than %d", len(subject), maxSubject)
	}
	if strings.ContainsFunc(subject, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("%q has a space or a control character", subject)
	}
	for token := range strings.SplitSeq(subject, ".") {
		if token == "" || token == "*" || token == ">" {
			return fmt.Errorf("%q has an empty part or a wildcard", subject)
		}
	}
	return nil
}
