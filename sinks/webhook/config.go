package webhook

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below webhook: in a receiver.
type Config struct {
	// Endpoint is the http or https address to send to, rendered for each event.
	Endpoint sinks.SecretTemplate `yaml:"endpoint"`
	// Method is POST or PUT.
	Method string `yaml:"method"`
	// Headers replace what is sent otherwise, Content-Type, User-Agent and Host
	// included. Their values are rendered for each event.
	Headers map[string]sinks.SecretTemplate `yaml:"headers"`
	// Username and Password are basic authentication.
	Username string        `yaml:"username"`
	Password secret.String `yaml:"password"`
	// Gzip compresses the body.
	Gzip  bool  `yaml:"gzip"`
	Batch batch `yaml:"batch"`

	HTTP    httppost.Config `yaml:",inline"`
	Payload sinks.Payload   `yaml:",inline"`
}

// batch says how many events go into one request.
type batch struct {
	// Mode is single (one event per request), array (a JSON array) or ndjson (JSON lines).
	Mode  mode `yaml:"mode"`
	Size  int  `yaml:"size"`  // events per request, not used by single
	Bytes int  `yaml:"bytes"` // bytes of a body before compression, not used by single
}

type mode string

const (
	single mode = "single" // one event per request, as upstream
	array  mode = "array"  // a JSON array
	ndjson mode = "ndjson" // JSON lines
)

func defaults() Config {
	return Config{
		Method: http.MethodPost,
		HTTP:   httppost.Config{Timeout: httppost.DefaultTimeout},
		// 1 MiB is what nginx takes as a body unless it is told otherwise.
		Batch: batch{Mode: single, Size: 500, Bytes: 1 << 20},
	}
}

func (c Config) check() error {
	if c.Endpoint.IsZero() {
		return errors.New("endpoint: is missing")
	}
	if text, constant := c.Endpoint.Constant(); constant {
		if _, err := httppost.ParseURL(strings.TrimSpace(text)); err != nil {
			return c.Endpoint.Position.Errorf("endpoint: %w", err)
		}
	}
	if c.Method != http.MethodPost && c.Method != http.MethodPut {
		return fmt.Errorf("method: want POST or PUT, got %q", c.Method)
	}
	if err := c.checkHeaders(); err != nil {
		return err
	}
	return c.Batch.check()
}

func (c Config) checkHeaders() error {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		position := c.Headers[name].Position
		if !httpguts.ValidHeaderFieldName(name) {
			return position.Errorf("headers: %q is not a header name", name)
		}
		canonical := http.CanonicalHeaderKey(name)
		if other, twice := seen[canonical]; twice {
			return position.Errorf("headers: %s and %s are the same header", other, name)
		}
		seen[canonical] = name
	}
	if name, both := seen["Authorization"]; both && (c.Username != "" || !c.Password.IsZero()) {
		return c.Headers[name].Position.Errorf("headers: %s cannot be set beside username and password", name)
	}
	return nil
}

func (b batch) check() error {
	switch b.Mode {
	case single:
		return nil
	case array, ndjson:
	default:
		return fmt.Errorf("batch.mode: want single, array or ndjson, got %q", b.Mode)
	}
	if b.Size < 1 {
		return fmt.Errorf("batch.size: want at least 1, got %d", b.Size)
	}
	if b.Bytes <= framing(b.Size) {
		return fmt.Errorf("batch.bytes: %d bytes have no room for %d events", b.Bytes, b.Size)
	}
	return nil
}
