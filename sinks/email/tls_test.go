package email

import (
	"crypto/tls"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
)

// encrypted is a server with a certificate for 127.0.0.1, and that of who signed it.
func encrypted(t *testing.T, change func(s *smtp.Server, f *fake)) (f *fake, caFile string) {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	t.Cleanup(web.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	require.NoError(t, os.WriteFile(caFile, block, 0o600))
	return startFake(t, func(s *smtp.Server, f *fake) {
		s.TLSConfig, s.AllowInsecureAuth = &tls.Config{Certificates: web.TLS.Certificates}, false
		change(s, f)
	}), caFile
}

func TestStartTLS(t *testing.T) {
	f, ca := encrypted(t, func(*smtp.Server, *fake) {})
	require.NoError(t, send(t, config(f, "encryption: starttls\ntls: {caFile: "+ca+"}\n"), event.Sample()))
	require.NoError(t, send(t, config(f, "encryption: starttls\ntls: {caFile: "+ca+", serverName: example.com}\n"), event.Sample()))
	assert.Len(t, f.Deliveries(), 2)

	err := send(t, config(f, "encryption: starttls\n"), event.Sample())
	assert.Equal(t, "stop", verdict(err))
	assert.ErrorContains(t, err, "send: starttls: the server's certificate is not trusted")
	err = send(t, config(f, "encryption: starttls\ntls: {caFile: "+ca+", serverName: other.example}\n"), event.Sample())
	assert.Equal(t, "stop", verdict(err))
	assert.Len(t, f.Deliveries(), 2)
}

func TestTLSFromTheFirstByte(t *testing.T) {
	f, ca := encrypted(t, func(_ *smtp.Server, f *fake) { f.implicit = true })
	require.NoError(t, send(t, config(f, "encryption: tls\ntls: {caFile: "+ca+"}\n"), event.Sample()))
	assert.Len(t, f.Deliveries(), 1)
	err := send(t, config(f, "encryption: tls\n"), event.Sample())
	assert.Equal(t, "stop", verdict(err))
	assert.ErrorContains(t, err, "connect: the server's certificate is not trusted")
}
