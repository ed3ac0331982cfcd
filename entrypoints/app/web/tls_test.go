package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// certificate writes cert.pem and key.pem for 127.0.0.1, and returns who trusts them.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "packetboat"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	write := func(name, kind string, b []byte) []byte {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
		return text
	}
	write("key.pem", "PRIVATE KEY", private)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(write("cert.pem", "CERTIFICATE", der)))
	return pool
}

// exampleOfTheReadme is its first block of YAML.
func exampleOfTheReadme(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(readme), "```yaml\n")
	require.True(t, found)
	example, _, found := strings.Cut(after, "```")
	require.True(t, found)
	return example
}

func TestTLSAndBasicAuthAsTheReadmeSays(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	trusted := certificate(t, dir)
	file := filepath.Join(dir, "web.yaml")
	require.NoError(t, os.WriteFile(file, []byte(exampleOfTheReadme(t)), 0o600))
	o := newWorld(t).options()
	o.WebConfigFile = file
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	t.Run("serve", func(t *testing.T) {
		at := strings.Replace(serve(t, o), "http://", "https://", 1)
		get := func(path, user, password string) answer {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+path, http.NoBody)
			require.NoError(t, err)
			if user != "" {
				request.SetBasicAuth(user, password)
			}
			return do(t, client, request)
		}
		for _, path := range []string{"/", "/metrics", "/healthz", "/readyz", "/status.json", "/static/app.js"} {
			assert.Equal(t, http.StatusUnauthorized, get(path, "", "").status, path)
			assert.Equal(t, http.StatusUnauthorized, get(path, "prometheus", "wrong").status, path)
			assert.Equal(t, http.StatusOK, get(path, "prometheus", "change-me").status, path)
		}
		plain := ask(t, http.MethodGet, strings.Replace(at, "https://", "http://", 1)+"/metrics", "")
		assert.Equal(t, http.StatusBadRequest, plain.status, "not without TLS")

		// A new file takes effect without a restart, and a wrong one lets nobody in.
		open := strings.Split(exampleOfTheReadme(t), "basic_auth_users")[0]
		require.NoError(t, os.WriteFile(file, []byte(open), 0o600))
		assert.Equal(t, http.StatusOK, get("/metrics", "", "").status)
		require.NoError(t, os.WriteFile(file, []byte("users: ["), 0o600))
		assert.Equal(t, http.StatusInternalServerError, get("/metrics", "prometheus", "change-me").status)
	})
	http.DefaultClient.CloseIdleConnections()
}
