package httppost

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
)

// identity is a self-signed certificate for 127.0.0.1, as server and client.
func identity(t *testing.T, name string) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func write(t *testing.T, folder, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// serveTLS asks for a client certificate and answers with its name.
func serveTLS(t *testing.T, certPEM, keyPEM []byte, change func(*tls.Config)) string {
	t.Helper()
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
		}
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	if change != nil {
		change(server.TLS)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func TestFilesThatCannotBeUsedAreAnError_DS36(t *testing.T) {
	folder := t.TempDir()
	certPEM, keyPEM := identity(t, "a")
	_, otherKey := identity(t, "b")
	cert, key := write(t, folder, "cert.pem", certPEM), write(t, folder, "key.pem", keyPEM)
	for name, tc := range map[string]struct {
		tls  TLS
		want string
	}{
		"unreadable authority": {TLS{CAFile: filepath.Join(folder, "none")}, "tls: caFile: open"},
		"authority without PEM": {
			TLS{CAFile: write(t, folder, "not.pem", []byte("hello"))}, "not.pem holds no PEM certificate",
		},
		"empty authority":           {TLS{CAFile: write(t, folder, "empty.pem", nil)}, "holds no PEM certificate"},
		"a key as the authority":    {TLS{CAFile: key}, "holds no PEM certificate"},
		"certificate without key":   {TLS{CertFile: cert}, "certFile is set without keyFile"},
		"key without certificate":   {TLS{KeyFile: key}, "keyFile is set without certFile"},
		"another certificate's key": {TLS{CertFile: cert, KeyFile: write(t, folder, "other.pem", otherKey)}, "private key does not match"},
		"unreadable certificate":    {TLS{CertFile: filepath.Join(folder, "none"), KeyFile: key}, "tls: certFile and keyFile: open"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(Config{TLS: tc.tls}, sinks.Env{})
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestTheAuthorityIsAddedToTheSystemRoots_DS36(t *testing.T) {
	certPEM, _ := identity(t, "a")
	c, err := TLS{CAFile: write(t, t.TempDir(), "ca.pem", certPEM)}.Load()
	require.NoError(t, err)
	want, err := x509.SystemCertPool()
	require.NoError(t, err)
	require.True(t, want.AppendCertsFromPEM(certPEM))
	assert.True(t, want.Equal(c.RootCAs))
	assert.EqualValues(t, tls.VersionTLS12, c.MinVersion)

	c, err = TLS{}.Load()
	require.NoError(t, err)
	assert.Nil(t, c.RootCAs, "the system's")
}

func TestServers(t *testing.T) {
	folder := t.TempDir()
	certPEM, keyPEM := identity(t, "boat.example")
	ca := write(t, folder, "ca.pem", certPEM)
	named := TLS{CAFile: ca, ServerName: "boat.example"}
	url := serveTLS(t, certPEM, keyPEM, nil)
	old := serveTLS(t, certPEM, keyPEM, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 })
	for name, tc := range map[string]struct {
		url  string
		tls  TLS
		want string // "" is accepted
		stop bool
	}{
		"trusted and named":  {url, named, "", false},
		"not verified":       {url, TLS{InsecureSkipVerify: true}, "", false},
		"unknown authority":  {url, TLS{ServerName: "boat.example"}, "not trusted", true},
		"another name":       {url, TLS{CAFile: ca, ServerName: "x.example"}, "not trusted", true},
		"the URL's host":     {url, TLS{CAFile: ca}, "not trusted", true},
		"older than TLS 1.2": {old, named, "no answer: remote error: tls: protocol version not supported", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, Config{TLS: tc.tls}).Send(t.Context(), Request{URL: tc.url, Body: []byte("{}")})
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			assert.Equal(t, tc.stop, sinks.IsStop(err))
			assert.False(t, sinks.IsPermanent(err))
		})
	}
}

func TestARotatedCertificateIsUsedWithoutARestart_DS36(t *testing.T) {
	folder := t.TempDir()
	oldCert, oldKey := identity(t, "old.client")
	newCert, newKey := identity(t, "new.client")
	cert, key := write(t, folder, "cert.pem", oldCert), write(t, folder, "key.pem", oldKey)
	serverCert, serverKey := identity(t, "boat.example")
	url := serveTLS(t, serverCert, serverKey, nil)

	var log bytes.Buffer
	c, err := New(Config{TLS: TLS{CertFile: cert, KeyFile: key, InsecureSkipVerify: true}},
		sinks.Env{Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	client := func() string {
		answer, err := c.Send(t.Context(), Request{URL: url})
		require.NoError(t, err)
		return string(answer.Body)
	}
	require.Equal(t, "old.client", client())

	change := func(path string, content []byte, at time.Time) {
		require.NoError(t, os.WriteFile(path, content, 0o600))
		require.NoError(t, os.Chtimes(path, at, at))
	}
	change(cert, newCert, time.Now().Add(time.Minute))
	require.Equal(t, "old.client", client(), "half rotated: the old pair stays in use")
	assert.Contains(t, log.String(), "the old ones stay in use")
	change(key, newKey, time.Now().Add(2*time.Minute))
	require.Equal(t, "new.client", client())
}

func TestProxy(t *testing.T) {
	proxied := make(chan *http.Request, 1)
	status := http.StatusOK
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		proxied <- r
		w.WriteHeader(status)
	})
	t.Run("configured", func(t *testing.T) {
		_, err := newClient(t, Config{Proxy: secret.New(proxy)}).Send(t.Context(), Request{URL: "http://hooks.invalid/x"})
		require.NoError(t, err)
		assert.Equal(t, "http://hooks.invalid/x", (<-proxied).RequestURI)
	})
	t.Run("from the environment", func(t *testing.T) {
		t.Setenv("HTTP_PROXY", proxy)
		_, err := newClient(t, Config{}).Send(t.Context(), Request{URL: "http://hooks.invalid/y"})
		require.NoError(t, err)
		assert.Equal(t, "http://hooks.invalid/y", (<-proxied).RequestURI)
	})
	for refusal, want := range map[int]bool{407: true, 403: true, 502: false, 503: false} {
		status = refusal
		_, err := newClient(t, Config{Proxy: secret.New(proxy)}).Send(t.Context(), Request{URL: "https://hooks.invalid/z"})
		require.ErrorContains(t, err, "the proxy answered")
		assert.Equal(t, want, sinks.IsStop(err), refusal)
		assert.Equal(t, http.MethodConnect, (<-proxied).Method)
	}
	for _, wrong := range []string{"ftp://h:1", "pr0xy-password", "http://"} {
		_, err := New(Config{Proxy: secret.New(wrong)}, sinks.Env{})
		require.ErrorContains(t, err, "proxy: ")
		assert.NotContains(t, err.Error(), wrong)
	}
}
