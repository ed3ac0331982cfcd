package bulk

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what both services let the user set. A sink's Config embeds it
// inline.
type Config struct {
	// Hosts are the nodes' http or https addresses.
	Hosts []secret.String `yaml:"hosts"`
	// Username and Password are basic authentication.
	Username string        `yaml:"username"`
	Password secret.String `yaml:"password"`
	// Headers are added to every request.
	Headers map[string]secret.String `yaml:"headers"`

	// Index is the index, alias or data stream to write to.
	Index sinks.Template `yaml:"index"`
	// IndexFormat has Go time layouts in braces, each replaced by the event's
	// time in UTC. It wins over Index, as upstream.
	IndexFormat string `yaml:"indexFormat"`
	// DataStream only ever creates documents, and gives them an @timestamp.
	DataStream bool `yaml:"dataStream"`
	// UseEventID keeps one document per event, which its newest version replaces.
	UseEventID bool `yaml:"useEventID"`
	// GenerateID leaves the choice of _id to the service.
	GenerateID bool   `yaml:"generateID"`
	Type       string `yaml:"type"` // mapping type, up to version 6
	// Pipeline is an ingest pipeline.
	Pipeline string `yaml:"pipeline"`
	// Routing is the routing value, rendered for each event.
	Routing sinks.Template `yaml:"routing"`
	Refresh string         `yaml:"refresh"` // true, false or wait_for
	// Gzip compresses requests.
	Gzip bool `yaml:"gzip"`

	HTTP    httppost.Config `yaml:",inline"`
	Payload sinks.Payload   `yaml:",inline"`
}

// WithHostsOf is c with the addresses in a variable of the environment if it has
// none itself: the services' client libraries look there, and so did upstream.
func (c Config) WithHostsOf(variable string) Config {
	if len(c.Hosts) > 0 {
		return c
	}
	for host := range strings.SplitSeq(os.Getenv(variable), ",") {
		if host = strings.TrimSpace(host); host != "" {
			c.Hosts = append(c.Hosts, secret.New(host))
		}
	}
	return c
}

func (c Config) check() error {
	for i, host := range c.Hosts {
		if _, err := httppost.ParseURL(host.Reveal()); err != nil {
			return fmt.Errorf("hosts: number %d: %w", i+1, err)
		}
	}
	if err := c.checkIndex(); err != nil {
		return err
	}
	switch c.Refresh {
	case "", "true", "false", "wait_for":
	default:
		return fmt.Errorf("refresh: want true, false or wait_for, got %q", c.Refresh)
	}
	switch {
	case c.UseEventID && c.DataStream:
		return errors.New("useEventID: a data stream cannot replace a document")
	case c.UseEventID && c.GenerateID:
		return errors.New("generateID: cannot be set beside useEventID")
	}
	// A document is an object: any other layout would fail for every event.
	node := c.Payload.Layout.Node
	for node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node != nil && node.Kind != yaml.MappingNode {
		return sinks.Position{Line: node.Line, Column: node.Column}.Errorf("layout: want a mapping, a document is a JSON object")
	}
	return nil
}

func (c Config) checkIndex() error {
	switch {
	case c.IndexFormat != "":
		// The braces of a template are not those of a time layout.
		if strings.Contains(c.IndexFormat, "{{") {
			return errors.New("indexFormat: is not a template, index is")
		}
		if err := checkIndexName(dates.ReplaceAllString(c.IndexFormat, "0")); err != nil {
			return fmt.Errorf("indexFormat: %w", err)
		}
	case c.Index.IsZero():
		return errors.New("index: is missing, and so is indexFormat")
	case !strings.Contains(c.Index.Text, "{{"):
		if err := checkIndexName(c.Index.Text); err != nil {
			return c.Index.Position.Errorf("index: %w", err)
		}
	}
	return nil
}

// dates are the time layouts in an indexFormat. Upstream's {(.*)} takes two of
// them and what is between for one (D-S14).
var dates = regexp.MustCompile(`\{[^{}]*\}`)

// checkIndexName knows the rules that a service would refuse each document by.
func checkIndexName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return errors.New("the name of the index is empty")
	case len(name) > 255:
		return errors.New("the name of the index is longer than 255 bytes")
	case strings.ContainsAny(name[:1], "-_+"):
		return errors.New("the name of an index cannot begin with -, _ or +")
	case strings.ToLower(name) != name:
		return errors.New("the name of an index is in lower case")
	case strings.ContainsAny(name, `\/*?"<>| ,#:`) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }):
		return errors.New(`the name of an index cannot hold \ / * ? " < > | , # : or a blank`)
	}
	return nil
}
