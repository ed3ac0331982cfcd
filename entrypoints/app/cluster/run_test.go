//go:build !slim

package cluster_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app"
	"github.com/packetboat/packetboat/entrypoints/app/cluster"
)

// TestRunsFromOutside: the real App reads the events of a real API server that it
// finds by each of the ways, and is let in by nothing but its token.
func TestRunsFromOutside(t *testing.T) {
	w := newWorld(t)
	written := len(localtest.WriteEvents(t, w.Cluster, "shop", 5))
	t.Run("EKS", func(t *testing.T) { runEKS(t, w, written) })
	t.Run("GKE", func(t *testing.T) { runGKE(t, w, written) })
	t.Run("server", func(t *testing.T) { runServer(t, w, written) })
}

func runEKS(t *testing.T, w *world, written int) {
	t.Helper()
	var described atomic.Int32
	api := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		described.Add(1)
		if r.URL.Path != "/clusters/prod" {
			out.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			out.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(out).Encode(map[string]any{"cluster": map[string]any{
			"endpoint": w.URL(), "certificateAuthority": map[string]any{"data": base64.StdEncoding.EncodeToString(w.ca)}, "status": "ACTIVE",
		}})
	}))
	t.Cleanup(api.Close)
	service := httptest.NewServer(w.sts)
	t.Cleanup(service.Close)
	environment := map[string]string{
		"AWS_ACCESS_KEY_ID": userKey, "AWS_SECRET_ACCESS_KEY": userSecret,
		"AWS_ENDPOINT_URL_STS": service.URL, "AWS_ENDPOINT_URL_EKS": api.URL,
	}
	run := func(key string) outcome {
		described.Store(0)
		w.takeAnswers()
		return w.run(t, "cluster: {eks: {region: eu-central-1, "+key+"}}", environment)
	}
	got := run("name: prod, roleARN: '" + roleARN + "', externalID: ext-4711")
	require.Equal(t, 0, got.exit, got.log)
	assert.Equal(t, written, got.delivered)
	assert.EqualValues(t, 1, described.Load(), "once in a run")
	assert.Equal(t, []string{roleARN}, w.takeAnswers())

	got = run("name: prod")
	assert.Equal(t, app.ExitOwed, got.exit)
	assert.Contains(t, got.log, "EKS cluster prod needs an access entry (or a line in its ConfigMap aws-auth) for the IAM role or user that packetboat runs as")
	assert.Equal(t, []string{""}, w.takeAnswers(), "asked about, and nobody")

	got = run("name: prod, roleARN: '" + roleARN + "', externalID: ext-0815")
	assert.Equal(t, app.ExitOwed, got.exit)
	assert.Contains(t, got.log, "find the cluster: get AWS credentials")
	assert.NotContains(t, got.log, "0815")

	got = run("name: production")
	assert.Equal(t, app.ExitUsage, got.exit, got.log)
	assert.Contains(t, got.log, "find the cluster: wrong configuration: EKS has no cluster production in eu-central-1")
	assert.EqualValues(t, 1, described.Load(), "it would say the same again")
}

// googleKey writes a service account's key, for the token service at url.
func googleKey(t *testing.T, url string) (path string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	raw, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "private_key_id": "1", "client_email": googleUser, "token_uri": url,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "key.json")
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	return path
}

func runGKE(t *testing.T, w *world, written int) {
	t.Helper()
	var issued atomic.Int32
	tokens := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		token := fmt.Sprintf("ya29.t0ken-%d", issued.Add(1))
		w.mu.Lock()
		// The first one of a process is taken by the container API, and then no more.
		w.google[token] = issued.Load()%2 == 0
		w.mu.Unlock()
		out.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(out, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, token)
	}))
	t.Cleanup(tokens.Close)
	found := map[string]any{
		"status": "RUNNING", "endpoint": w.address(), "masterAuth": map[string]any{"clusterCaCertificate": base64.StdEncoding.EncodeToString(w.ca)},
	}
	var asked atomic.Int32
	api := httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ya29.t0ken-") {
			out.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(out).Encode(found)
	}))
	t.Cleanup(api.Close)
	run := func(more string, trusted []byte) outcome {
		asked.Store(0)
		issued.Store(0)
		w.takeAnswers()
		roots := filepath.Join(t.TempDir(), "roots.pem")
		apis := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
		require.NoError(t, os.WriteFile(roots, append(apis, trusted...), 0o600))
		return w.run(t, "cluster: {gke: {project: p, location: europe-west3, name: prod, endpoint: '"+api.URL+"'"+more+"}}", map[string]string{
			"GOOGLE_APPLICATION_CREDENTIALS": googleKey(t, tokens.URL), "SSL_CERT_FILE": roots, "SSL_CERT_DIR": t.TempDir(),
		})
	}
	got := run("", nil)
	require.Equal(t, 0, got.exit, got.log)
	assert.Equal(t, written, got.delivered, "by the IP endpoint, with the cluster's own certificate")
	assert.EqualValues(t, 1, asked.Load())
	assert.Equal(t, []string{"", googleUser}, w.takeAnswers(), "a token that is refused is renewed")

	found["controlPlaneEndpointsConfig"] = map[string]any{"dnsEndpointConfig": map[string]any{"endpoint": w.address(), "allowExternalTraffic": true}}
	found["masterAuth"] = map[string]any{}
	got = run("", w.ca)
	require.Equal(t, 0, got.exit, got.log)
	assert.Equal(t, written, got.delivered, "by the DNS endpoint, with the system's roots")
	assert.Zero(t, run(", connect: dns", nil).delivered, "whose certificate those do not know")
}

func runServer(t *testing.T, w *world, written int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	put := func(token string) { require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600)) }
	put(w.Token(local.Packetboat))
	got := w.run(t, "cluster: {server: '"+w.URL()+"', caData: "+base64.StdEncoding.EncodeToString(w.ca)+", tokenFile: '"+file+"'}", nil)
	require.Equal(t, 0, got.exit, got.log)
	assert.Equal(t, written, got.delivered)

	// Rotated while the client lives.
	put("t0ken-of-nobody")
	client, err := cluster.New(cluster.Config{Server: w.URL(), CAData: w.ca, TokenFile: file})
	require.NoError(t, err)
	list := func() error { return client.Get().AbsPath("/api/v1/events").Do(t.Context()).Error() }
	require.ErrorContains(t, list(), "401 Unauthorized to a new token too: what is in tokenFile is no token of it, or has expired")
	put(w.Token(local.Packetboat))
	require.NoError(t, list())

	got = w.run(t, "cluster: {server: '"+w.URL()+"', tokenFile: /does/not/exist}", nil)
	assert.Equal(t, app.ExitUsage, got.exit)
	assert.Contains(t, got.log, "find the cluster: read tokenFile: open /does/not/exist: no such file or directory")
}

// TestCheckFindsAWayThatCannotBe without asking anybody.
func TestCheckFindsAWayThatCannotBe(t *testing.T) {
	withoutClouds(t)
	file := filepath.Join(t.TempDir(), "config.yaml")
	for key, says := range map[string]string{
		"cluster: {kubeconfig: /does/not/exist}":                   file + ":1:11: cluster.kubeconfig: find the cluster: stat /does/not/exist: no such file or directory",
		"cluster: {tokenFile: /does/not/exist, server: https://h}": file + ":1:39: cluster.server: find the cluster: read tokenFile: open /does/not/exist: no such file or directory",
		"cluster: {eks: {name: prod, region: eu-central-1}}":       "",
		"cluster: {gke: {project: p, location: l, name: prod}}":    "",
		"cluster: {inCluster: true}":                               "",
	} {
		require.NoError(t, os.WriteFile(file, []byte(key+"\nreceivers: [{name: a, stdout: {}}]\nroute: {routes: [{match: [{receiver: a}]}]}\n"), 0o600))
		_, err := app.Check(t.Context(), app.Options{ConfigFile: file})
		if says == "" {
			require.NoError(t, err, key)
			continue
		}
		require.EqualError(t, err, says)
		assert.Equal(t, app.ExitUsage, app.ExitCode(err))
	}
}

// A kubeconfig can be given as text, and what is in it is not quoted.
func TestKubeconfigAsText(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, strings.NewReader(r.Header.Get("Authorization")))
	}))
	t.Cleanup(server.Close)
	var text bytes.Buffer
	require.NoError(t, json.NewEncoder(&text).Encode(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"contexts": []any{map[string]any{"name": "c", "context": map[string]any{"cluster": "c", "user": "u"}}},
		"clusters": []any{map[string]any{"name": "c", "cluster": map[string]any{"server": server.URL, "insecure-skip-tls-verify": true}}},
		"users":    []any{map[string]any{"name": "u", "user": map[string]any{"token": "t0ken"}}},
	}))
	client, err := cluster.New(cluster.Config{KubeconfigData: secret.New(text.String())})
	require.NoError(t, err)
	got, err := client.Get().AbsPath("/").DoRaw(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "Bearer t0ken", string(got))

	_, err = cluster.New(cluster.Config{KubeconfigData: secret.New("users: t0ken")})
	require.EqualError(t, err, "find the cluster: the kubeconfig that is given as text is none, or names no cluster and user that are in it")
}
