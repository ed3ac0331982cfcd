package httppost

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/net/http/httpproxy"

	"github.com/packetboat/packetboat/core/secret"
)

// DefaultTimeout bounds one attempt, from connecting to the end of the answer.
const DefaultTimeout = 30 * time.Second

// Config is what all HTTP sinks let the user set. A sink's Config embeds it
// inline.
type Config struct {
	TLS TLS `yaml:"tls"`
	// Proxy replaces HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment.
	// It is http://, https:// or socks5://, with user and password if needed.
	Proxy secret.String `yaml:"proxy"`
	// Timeout bounds one attempt; 0 is DefaultTimeout.
	Timeout time.Duration `yaml:"timeout"`
}

// TLS are the settings of an encrypted connection. The zero TLS trusts the
// system's roots. TLS 1.2 is the least version in any case.
type TLS struct {
	InsecureSkipVerify bool   `yaml:"insecureSkipVerify"` // trust any server
	ServerName         string `yaml:"serverName"`         // expected in the certificate, "" is the URL's host
	CAFile             string `yaml:"caFile"`             // PEM, trusted beside the system's roots
	KeyFile            string `yaml:"keyFile"`            // PEM, with CertFile
	CertFile           string `yaml:"certFile"`           // PEM, with KeyFile
}

// Load reads the files. It fails if one cannot be read or holds nothing usable,
// and for a key without certificate or the reverse.
func (t TLS) Load() (*tls.Config, error) {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: t.ServerName,
		//nolint:gosec // It is the user's setting, off by default, and shown by name.
		InsecureSkipVerify: t.InsecureSkipVerify,
	}
	if t.CAFile != "" {
		pool, err := loadRoots(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls: caFile: %w", err)
		}
		c.RootCAs = pool
	}
	switch {
	case t.CertFile == "" && t.KeyFile == "":
		return c, nil
	case t.CertFile == "":
		return nil, errors.New("tls: keyFile is set without certFile")
	case t.KeyFile == "":
		return nil, errors.New("tls: certFile is set without keyFile")
	}
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("tls: certFile and keyFile: %w", err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

func (t TLS) files() []string {
	var files []string
	for _, f := range []string{t.CAFile, t.CertFile, t.KeyFile} {
		if f != "" {
			files = append(files, f)
		}
	}
	return files
}

func loadRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	// Without system roots, as in a bare image, the file's are all there are.
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return pool, nil
}

func (c Config) proxy() (func(*http.Request) (*url.URL, error), error) {
	if c.Proxy.IsZero() {
		// Read now, not once per process as http.ProxyFromEnvironment does.
		choose := httpproxy.FromEnvironment().ProxyFunc()
		return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }, nil
	}
	u, err := url.Parse(c.Proxy.Reveal())
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("proxy: not a URL")
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
		return http.ProxyURL(u), nil
	}
	return nil, errors.New("proxy: want http://, https:// or socks5://")
}
