package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/sinks"
)

func certificate(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestCADataIsPEMOrBase64OfIt(t *testing.T) {
	two := append(certificate(t), certificate(t)...)
	encoded := base64.StdEncoding.EncodeToString(two)
	for name, text := range map[string]string{
		"base64": encoded, "base64 in lines": encoded[:64] + "\n" + encoded[64:] + "\n", "PEM": string(two),
	} {
		data, err := yaml.Marshal(map[string]any{"cluster": map[string]string{"server": "https://h", "caData": text}})
		require.NoError(t, err)
		cfg, _ := load(t, string(data))
		require.NotNil(t, cfg, name)
		assert.Equal(t, string(two), string(cfg.Cluster.CAData), name)
	}
	for text, says := range map[string]string{
		"no base64!": "want certificates: base64", base64.StdEncoding.EncodeToString([]byte("text")): "want certificates: base64",
		string(two) + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n": "PEM block 3 is not a certificate",
	} {
		var c config.Certificates
		require.ErrorContains(t, c.UnmarshalText([]byte(text)), says)
	}
}

func TestTheWayToTheCluster(t *testing.T) {
	for text, way := range map[string]string{
		"cluster: {}": "", "cluster: {inCluster: false, kubeconfig: f}": "kubeconfig", "cluster: {inCluster: yes}": "inCluster",
		"cluster: {eks: {name: a}}": "eks", "cluster: {gke: {project: p, location: l, name: a, connect: privateIP}}": "gke",
		"cluster: {tokenFile: f, server: 'https://h'}": "server", "cluster: {server: 'http://127.0.0.1:8001'}": "server",
	} {
		cfg, problems := load(t, text)
		require.NotNil(t, cfg, "%s: %v", text, problems)
		assert.Equal(t, way, cfg.Cluster.Way, text)
		if way != "" {
			assert.Equal(t, sinks.Position{Line: 1, Column: strings.Index(text, way) + 1}, cfg.Cluster.Position)
		}
	}
}
