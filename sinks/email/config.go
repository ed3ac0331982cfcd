package email

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Config is what stands below email: in a receiver.
type Config struct {
	// Host is the mail server that takes messages for the world.
	Host string `yaml:"host"`
	// Port is 587 for starttls, 465 for tls and 25 for none unless it is set.
	Port int `yaml:"port"`
	// Encryption is starttls, tls from the first byte on, or none.
	Encryption encryption   `yaml:"encryption"`
	TLS        httppost.TLS `yaml:"tls"`
	Helo       string       `yaml:"helo"` // how we introduce ourselves; "": by the machine's name
	// Timeout is for one attempt: a connection and all its messages.
	Timeout time.Duration `yaml:"timeout"`
	// Username asks for authentication.
	Username string        `yaml:"username"`
	Password secret.String `yaml:"password"` // with xoauth2 the access token
	// Auth is how to log in; auto takes what the server offers.
	Auth mechanism `yaml:"auth"`

	// Addresses are rendered for each event; a text may hold several.
	From sinks.Template `yaml:"from"`
	// To are the recipients.
	To []sinks.Template `yaml:"to"`
	// CC are those who get a copy.
	CC []sinks.Template `yaml:"cc"`
	// ReplyTo is where answers go.
	ReplyTo []sinks.Template `yaml:"replyTo"`
	// FallbackTo is for events that To gives no address for.
	FallbackTo []sinks.Template `yaml:"fallbackTo"`
	// Domains are the only ones that mail goes to; none: any.
	Domains []string `yaml:"domains"`

	// Subject is the one line of a mail that everybody sees.
	Subject sinks.Template `yaml:"subject"`
	// Text is the mail without markup.
	Text sinks.Template `yaml:"text"`
	// HTML is the mail with markup; none: the text alone.
	HTML sinks.Template `yaml:"html"`
	// Thread is "" or object: one conversation per involved object.
	Thread string `yaml:"thread"`
	Batch  batch  `yaml:"batch"`
}

// batch says how many messages go over one connection.
type batch struct {
	// Size is how many messages go over one connection.
	Size int `yaml:"size"`
}

type encryption string

const (
	starttls encryption = "starttls"
	implicit encryption = "tls"
	none     encryption = "none"
)

type mechanism string

const (
	anyMechanism mechanism = "auto"
	plain        mechanism = "plain"
	login        mechanism = "login"
	cramMD5      mechanism = "cram-md5"
	scram        mechanism = "scram-sha-256"
	xoauth2      mechanism = "xoauth2"
)

const threadObject = "object"

// defaultSubject is on one line, whatever an event holds.
const defaultSubject = `{{ with .ClusterName }}{{ . }}: {{ end }}{{ .Reason }} · {{ .InvolvedObject.Kind }} ` +
	`{{ with .InvolvedObject.Namespace }}{{ . }}/{{ end }}{{ .InvolvedObject.Name }}`

func defaults() Config {
	return Config{
		Encryption: starttls, Auth: anyMechanism, Timeout: defaultTimeout,
		Subject: sinks.Template{Text: defaultSubject}, Batch: batch{Size: 50},
	}
}

func (c Config) check() error {
	switch {
	case c.Host == "":
		return errors.New("host: is missing")
	case strings.ContainsAny(c.Host, "/:@ \r\n") && net.ParseIP(c.Host) == nil:
		return errors.New("host: want a name or an IP address, and the port in port")
	case c.Port < 0 || c.Port > 65535:
		return fmt.Errorf("port: want 1 to 65535, got %d", c.Port)
	case c.From.IsZero():
		return errors.New("from: is missing")
	case len(c.To) == 0 && len(c.FallbackTo) == 0:
		return errors.New("to: is missing")
	case c.Timeout <= 0:
		return fmt.Errorf("timeout: want more than 0, got %s", c.Timeout)
	case c.Batch.Size < 1:
		return fmt.Errorf("batch.size: want at least 1, got %d", c.Batch.Size)
	case c.Thread != "" && c.Thread != threadObject:
		return fmt.Errorf("thread: want object, got %q", c.Thread)
	}
	return c.checkLogin()
}

func (c Config) checkLogin() error {
	if !slices.Contains([]encryption{starttls, implicit, none}, c.Encryption) {
		return fmt.Errorf("encryption: want starttls, tls or none, got %q", c.Encryption)
	}
	if !slices.Contains([]mechanism{anyMechanism, plain, login, cramMD5, scram, xoauth2}, c.Auth) {
		return fmt.Errorf("auth: want auto, plain, login, cram-md5, scram-sha-256 or xoauth2, got %q", c.Auth)
	}
	if (c.Username == "") != c.Password.IsZero() {
		return errors.New("username and password: one is set without the other")
	}
	hidden := c.Encryption != none || c.Auth == cramMD5 || c.Auth == scram
	if c.Username != "" && !hidden && !isLoopback(c.Host) {
		return errors.New("encryption: none would show the password to everybody on the way; want starttls or tls")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c Config) port() int {
	switch {
	case c.Port > 0:
		return c.Port
	case c.Encryption == implicit:
		return 465
	case c.Encryption == none:
		return 25
	}
	return 587
}
