package logstash

import (
	"errors"
	"fmt"
	"net"
	"net/url"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below logstash: in a receiver.
type Config struct {
	// URL is the input's: tcp://host:port or tls://host:port of a tcp input, http
	// or https of an http input.
	URL secret.String `yaml:"url"`
	// Username and Password are basic authentication at an http input.
	Username string        `yaml:"username"`
	Password secret.String `yaml:"password"`
	// Gzip compresses a request to an http input.
	Gzip bool `yaml:"gzip"`
	// Confirm waits until a tcp input has read all, which it tells by ending the
	// connection after we have.
	Confirm bool `yaml:"confirm"`

	HTTP    httppost.Config `yaml:",inline"`
	Payload sinks.Payload   `yaml:",inline"`
}

func defaults() Config {
	return Config{Confirm: true, HTTP: httppost.Config{Timeout: httppost.DefaultTimeout}}
}

// address takes the URL apart. No error repeats it.
func (c Config) address() (*url.URL, error) {
	u, err := url.Parse(c.URL.Reveal())
	if err != nil {
		return nil, errors.New("url: not a URL")
	}
	switch u.Scheme {
	case "http", "https":
		if _, err := httppost.ParseURL(c.URL.Reveal()); err != nil {
			return nil, fmt.Errorf("url: %w", err)
		}
	case "tcp", "tls":
		if _, port, err := net.SplitHostPort(u.Host); err != nil || port == "" || u.Hostname() == "" {
			return nil, errors.New("url: want a host and a port after " + u.Scheme + "://")
		}
		if u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
			return nil, errors.New("url: a tcp input knows no user, path or query")
		}
	default:
		return nil, errors.New("url: want tcp://, tls://, http:// or https://")
	}
	return u, nil
}

func (c Config) check(u *url.URL) error {
	speaksHTTP := u.Scheme == "http" || u.Scheme == "https"
	switch {
	case c.HTTP.TLS != (httppost.TLS{}) && (u.Scheme == "tcp" || u.Scheme == "http"):
		return fmt.Errorf("tls: %s:// is not encrypted", u.Scheme)
	case !speaksHTTP && (c.Username != "" || !c.Password.IsZero() || c.Gzip || !c.HTTP.Proxy.IsZero()):
		return errors.New("username, password, gzip and proxy are for an http input")
	case c.HTTP.Timeout <= 0:
		return fmt.Errorf("timeout: want more than 0, got %s", c.HTTP.Timeout)
	}
	node := c.Payload.Layout.Node
	for node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node != nil && node.Kind != yaml.MappingNode {
		return sinks.Position{Line: node.Line, Column: node.Column}.Errorf("layout: want a mapping: Logstash takes nothing else as an event")
	}
	return nil
}
