package syslog

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below syslog: in a receiver.
type Config struct {
	// Network is tcp, udp, tls, unix or unixgram; empty is the machine's own syslog.
	Network string `yaml:"network"`
	// Address is host:port, or the path of a socket.
	Address string `yaml:"address"`
	// Tag is the name of the program (APP-NAME).
	Tag string `yaml:"tag"`
	// Format is rfc3164 or rfc5424.
	Format string `yaml:"format"`
	// Framing tells messages of a stream apart: octet counts, or a line break
	// (newline). Empty is octet for rfc5424, newline for rfc3164.
	Framing string `yaml:"framing"`
	// Facility is kern to local7.
	Facility string `yaml:"facility"`
	// Hostname is rendered for each event; empty is where it was reported.
	Hostname sinks.Template `yaml:"hostname"`
	// MsgID is rendered for each event (rfc5424).
	MsgID sinks.Template `yaml:"msgID"`
	// StructuredData are the parameters beside the id (rfc5424); values are
	// rendered for each event.
	StructuredData map[string]sinks.Template `yaml:"structuredData"`
	// SDID is the name of the structured data, NAME@ENTERPRISE-NUMBER.
	SDID string `yaml:"sdID"`
	// Confirm waits until the server has read all, which it tells by ending the
	// connection after we have.
	Confirm bool `yaml:"confirm"`
	// Timeout bounds one attempt.
	Timeout time.Duration `yaml:"timeout"`

	TLS     httppost.TLS  `yaml:"tls"`
	Payload sinks.Payload `yaml:",inline"`
}

const (
	rfc3164 = "rfc3164"
	rfc5424 = "rfc5424"
	octet   = "octet"
	newline = "newline"
)

func defaults() Config {
	return Config{
		Tag: "packetboat", Format: rfc3164, Facility: "local0", Confirm: true, Timeout: 30 * time.Second,
		MsgID: sinks.Template{Text: "{{ .Reason }}"},
		SDID:  "k8s@32473", // the number that RFC 5612 gives to documentation: we have none of our own
	}
}

// parameters are StructuredData, or what is there without it. They are no
// default to decode into: what the user sets replaces them.
func (c Config) parameters() map[string]sinks.Template {
	if c.StructuredData != nil {
		return c.StructuredData
	}
	template := func(text string) sinks.Template { return sinks.Template{Text: text} }
	return map[string]sinks.Template{
		"kind": template("{{ .InvolvedObject.Kind }}"), "namespace": template("{{ .InvolvedObject.Namespace }}"),
		"name": template("{{ .InvolvedObject.Name }}"), "reason": template("{{ .Reason }}"),
	}
}

// facilities are in the order of their numbers.
var facilities = []string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

func (c Config) check() error {
	if err := c.checkAddress(); err != nil {
		return err
	}
	if c.Format != rfc3164 && c.Format != rfc5424 {
		return fmt.Errorf("format: want rfc3164 or rfc5424, got %q", c.Format)
	}
	if c.Framing != "" && c.Framing != octet && c.Framing != newline {
		return fmt.Errorf("framing: want octet or newline, got %q", c.Framing)
	}
	if !slices.Contains(facilities, c.Facility) {
		return fmt.Errorf("facility: want one of %s, got %q", strings.Join(facilities, ", "), c.Facility)
	}
	if c.Timeout <= 0 {
		return fmt.Errorf("timeout: want more than 0, got %s", c.Timeout)
	}
	return c.checkNames()
}

func (c Config) checkAddress() error {
	switch c.Network {
	case "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "tls":
		if _, _, err := net.SplitHostPort(c.Address); err != nil {
			return fmt.Errorf("address: want host:port, got %q", c.Address)
		}
	case "unix", "unixgram":
		if c.Address == "" {
			return errors.New("address: is missing")
		}
	case "":
		if c.Address != "" && !strings.HasPrefix(c.Address, "/") {
			return fmt.Errorf("network: is missing for the address %q", c.Address)
		}
	default:
		return fmt.Errorf("network: want tcp, udp, tls, unix, unixgram or nothing, got %q", c.Network)
	}
	if c.TLS != (httppost.TLS{}) && c.Network != "tls" {
		return errors.New("tls: is for network: tls")
	}
	return nil
}

// checkNames holds what RFC 5424, 6.3 says of SD-NAME.
func (c Config) checkNames() error {
	for _, name := range append(slices.Sorted(maps.Keys(c.StructuredData)), c.SDID) {
		if name == "" || len(name) > 32 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`="]`, r) }) {
			return fmt.Errorf("structuredData: %q is not a name: want at most 32 printable characters without space, =, ] and quotes", name)
		}
	}
	if at, has := c.StructuredData["id"]; has {
		return at.Position.Errorf("structuredData: id is always there, and is the event's ID")
	}
	return nil
}

func (c Config) framing() string {
	switch {
	case c.Framing != "":
		return c.Framing
	case c.Format == rfc5424:
		return octet
	}
	return newline
}

// isDatagram: each message travels alone.
func (c Config) isDatagram() bool {
	return strings.HasPrefix(c.Network, "udp") || c.Network == "unixgram" || c.Network == ""
}
