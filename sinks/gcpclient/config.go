package gcpclient

import (
	"errors"
	"net"
	"net/url"
	"os"
	"strings"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Config is what all Google receivers let the user set. A sink's Config embeds
// it inline. The keys are spelt as upstream spells those of its Google sinks.
type Config struct {
	// CredentialsPath is a credentials file of any type that Google's libraries
	// know. It is read again when it changes. "" asks for the application
	// default credentials.
	CredentialsPath string `yaml:"credentials_path"`
	// Endpoint is the URL of an emulator or of a private or regional endpoint,
	// without a path. One with http:// gets no credentials.
	Endpoint string `yaml:"endpoint"`
}

// Check finds an endpoint that is none. It reads no file.
func (c Config) Check() error {
	if c.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return errors.New("endpoint: want a URL without a path, such as https://europe-west3-pubsub.googleapis.com or http://127.0.0.1:8085")
	}
	return nil
}

// WithEmulator is the Config with the emulator that an environment variable of
// Google's own names, unless it has an endpoint already.
func (c Config) WithEmulator(variable string) Config {
	host := os.Getenv(variable)
	if c.Endpoint != "" || host == "" {
		return c
	}
	if !strings.Contains(host, "://") {
		host = "http://" + host
	}
	c.Endpoint = host
	return c
}

// anonymous: plain text would show a token to everybody on the way.
func (c Config) anonymous() bool { return strings.HasPrefix(c.Endpoint, "http://") }

// HTTP are the options for a client that speaks HTTP, with the path that the
// service's API has below the endpoint.
func (c Config) HTTP(path string) []option.ClientOption {
	if c.Endpoint == "" {
		return nil
	}
	return []option.ClientOption{option.WithEndpoint(strings.TrimSuffix(c.Endpoint, "/") + path)}
}

// GRPC are the options for a client that speaks gRPC.
func (c Config) GRPC() []option.ClientOption {
	// What the library repeats by itself it would repeat behind the one retry loop.
	options := []option.ClientOption{option.WithGRPCDialOption(grpc.WithDisableRetry())}
	if c.Endpoint == "" {
		return options
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return options // Check has said so
	}
	port := u.Port()
	switch {
	case port != "":
	case c.anonymous():
		port = "80"
	default:
		port = "443"
	}
	options = append(options, option.WithEndpoint(net.JoinHostPort(u.Hostname(), port)))
	if c.anonymous() {
		options = append(options, option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	}
	return options
}
