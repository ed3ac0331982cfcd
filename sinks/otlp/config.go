package otlp

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below otlp: in a receiver.
type Config struct {
	// Endpoint is an http or https address; http is not encrypted, with grpc too.
	Endpoint secret.String `yaml:"endpoint"`
	// Protocol is http or grpc.
	Protocol protocol `yaml:"protocol"`
	// Headers are added to every request, with grpc as metadata.
	Headers map[string]secret.String `yaml:"headers"`
	// Resource and Attributes are added to those of the semantic conventions.
	Resource   map[string]sinks.Template `yaml:"resource"`
	Attributes map[string]sinks.Template `yaml:"attributes"`
	// Body is what a log record says, unless there is a layout.
	Body body `yaml:"body"`
	// Gzip compresses requests.
	Gzip bool `yaml:"gzip"`

	HTTP    httppost.Config `yaml:",inline"`
	Payload sinks.Payload   `yaml:",inline"`
}

type protocol string

const (
	overHTTP protocol = "http" // protobuf in a POST
	overGRPC protocol = "grpc"
)

type body string

const (
	message body = "message" // the event's message, as a text
	whole   body = "event"   // the event's JSON, as a structure
)

// logsPath is where a collector takes logs over HTTP.
const logsPath = "/v1/logs"

func defaults() Config { return Config{Protocol: overHTTP, Body: message, Gzip: true} }

func (c Config) check() error {
	if c.Endpoint.IsZero() {
		return errors.New("endpoint: is missing")
	}
	if _, err := httppost.ParseURL(c.Endpoint.Reveal()); err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(c.Headers[name].Reveal()) {
			return fmt.Errorf("headers: %q or its value cannot be sent as a header", name)
		}
	}
	switch c.Body {
	case message, whole:
	default:
		return fmt.Errorf("body: want message or event, got %q", c.Body)
	}
	switch {
	case c.HTTP.Timeout < 0:
		return fmt.Errorf("timeout: %s is negative", c.HTTP.Timeout)
	case c.Protocol != overHTTP && c.Protocol != overGRPC:
		return fmt.Errorf("protocol: want http or grpc, got %q", c.Protocol)
	case c.Protocol == overGRPC && c.HTTP.TLS != httppost.TLS{} && !strings.HasPrefix(strings.ToLower(c.Endpoint.Reveal()), "https:"):
		return errors.New("tls: is set, but the endpoint says http, which is not encrypted with grpc: write https")
	case c.Protocol == overGRPC && !c.HTTP.Proxy.IsZero():
		return errors.New("proxy: grpc takes it from HTTPS_PROXY only")
	}
	return nil
}
