package gcpconfig

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const token = "ya29.t0ken-5ca1ab1e"

// tokens is Google's token service: it answers with status.
type tokens struct {
	status atomic.Int32
	asked  atomic.Int32
	url    string
}

func startTokens(t *testing.T) *tokens {
	t.Helper()
	s := &tokens{}
	s.status.Store(http.StatusOK)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(s.status.Load()))
		if s.status.Load() == http.StatusOK {
			_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, token)
			return
		}
		_, _ = fmt.Fprintf(w, `{"error":"invalid_grant","error_description":"assertion %s"}`, r.FormValue("assertion"))
	}))
	t.Cleanup(server.Close)
	s.url = server.URL + "/token-path-0ddba11"
	return s
}

// keyFile writes a service account's key.
func keyFile(t *testing.T, path, tokenURL, id string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	raw, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "boats", "private_key_id": id,
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": "boat@boats.iam.gserviceaccount.com", "token_uri": tokenURL,
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, raw, 0o600))
}

func TestAChangedKeyIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.json")
	t.Run("credentials_path", func(t *testing.T) { changedKeyIsReadAgain(t, path, path) })
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", path)
	t.Run("of the environment", func(t *testing.T) { changedKeyIsReadAgain(t, "", path) })
}

func changedKeyIsReadAgain(t *testing.T, configured, path string) {
	t.Helper()
	first, second := startTokens(t), startTokens(t)
	keyFile(t, path, first.url, "one")
	var log strings.Builder
	i := New(configured, "scope", slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, i.Ready(t.Context()))

	// Half written: the old one stays in use.
	require.NoError(t, os.WriteFile(path, []byte(`{"type":"service_`), 0o600))
	require.NoError(t, i.Ready(t.Context()))
	assert.Contains(t, log.String(), "the old credentials stay in use")

	keyFile(t, path, second.url, "two")
	require.NoError(t, os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)))
	got, err := i.Credentials().Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, token, got.Value)
	assert.EqualValues(t, 1, second.asked.Load())
	project, err := i.Credentials().ProjectID(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "boats", project)
}

func TestNothingHappensBeforeTheFirstUseAndAFailureIsNotKept(t *testing.T) {
	service := startTokens(t)
	path := filepath.Join(t.TempDir(), "key.json")
	i := New(path, "scope", nil)
	err := i.Ready(t.Context())
	var wrong *SetupError
	require.ErrorAs(t, err, &wrong)
	require.ErrorContains(t, err, "read credentials_path: open "+path)
	keyFile(t, path, service.url, "one")
	for range 2 {
		require.NoError(t, i.Ready(t.Context()))
	}
	assert.EqualValues(t, 1, service.asked.Load(), "kept until it expires")
	assert.Equal(t, "Bearer <secret>", i.Redact("Bearer "+token))
	assert.Equal(t, "x", (*Identity)(nil).Redact("x"))
}

// Who is refused must be mended; who cannot be reached may be reached later.
func TestWhyThereIsNoToken(t *testing.T) {
	service := startTokens(t)
	for answer, wrong := range map[int]bool{400: true, 401: true, 403: true, 429: false, 500: false, 503: false} {
		path := filepath.Join(t.TempDir(), "key.json")
		keyFile(t, path, service.url, "one")
		service.status.Store(int32(answer))
		err := New(path, "scope", nil).Ready(t.Context())
		require.EqualError(t, err, fmt.Sprintf("get a token: answered %d %s: invalid_grant", answer, http.StatusText(answer)))
		_, isWrong := err.(*SetupError) //nolint:errorlint // the outermost
		assert.Equal(t, wrong, isWrong, answer)
	}
	path := filepath.Join(t.TempDir(), "key.json")
	keyFile(t, path, "http://127.0.0.1:1/token-path", "one")
	err := New(path, "scope", nil).Ready(t.Context())
	require.ErrorContains(t, err, "get a token: no answer")
	assert.NotContains(t, err.Error(), "token-path")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, New(path, "scope", nil).Ready(ctx), context.Canceled)
}

// A token that a service refuses although it has not expired is not used again.
func TestAForgottenTokenIsAskedForAnew(t *testing.T) {
	service := startTokens(t)
	path := filepath.Join(t.TempDir(), "key.json")
	keyFile(t, path, service.url, "one")
	i := New(path, "scope", nil)
	require.NoError(t, i.Ready(t.Context()))
	i.Forget()
	require.NoError(t, i.Ready(t.Context()))
	assert.EqualValues(t, 2, service.asked.Load())
}
