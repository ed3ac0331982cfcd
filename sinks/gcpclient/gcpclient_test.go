package gcpclient

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/packetboat/packetboat/sinks"
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

type nothing struct{ closed *int }

func (n nothing) Close() error {
	*n.closed++
	return nil
}

func newClient(config Config, dialled, closed *int) *Client[nothing] {
	return New(config, "https://www.googleapis.com/auth/pubsub", sinks.Env{},
		func(context.Context, ...option.ClientOption) (nothing, error) {
			*dialled++
			return nothing{closed}, nil
		})
}

func TestNothingHappensBeforeTheFirstUse(t *testing.T) {
	service := startTokens(t)
	path := filepath.Join(t.TempDir(), "key.json")
	var dialled, closed int
	c := newClient(Config{CredentialsPath: path}, &dialled, &closed)
	require.NoError(t, c.Close())
	assert.Zero(t, dialled+closed)

	// The failure is not kept.
	_, err := c.Get(t.Context())
	require.ErrorContains(t, err, "read credentials_path: open "+path)
	assert.True(t, sinks.IsStop(err))
	keyFile(t, path, service.url, "one")
	for range 2 {
		_, err = c.Get(t.Context())
		require.NoError(t, err)
	}
	assert.Equal(t, 1, dialled)
	assert.EqualValues(t, 1, service.asked.Load())
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	assert.Equal(t, 1, closed)
}

func TestAPlainEndpointGetsNoCredentials(t *testing.T) {
	var dialled, closed int
	c := newClient(Config{CredentialsPath: "/does/not/exist", Endpoint: "http://127.0.0.1:1"}, &dialled, &closed)
	_, err := c.Get(t.Context())
	require.NoError(t, err)
}

func TestWhyThereIsNoToken(t *testing.T) {
	service := startTokens(t)
	for answer, stops := range map[int]bool{400: true, 401: true, 403: true, 429: false, 500: false, 503: false} {
		path := filepath.Join(t.TempDir(), "key.json")
		keyFile(t, path, service.url, "one")
		service.status.Store(int32(answer))
		var dialled, closed int
		_, err := newClient(Config{CredentialsPath: path}, &dialled, &closed).Get(t.Context())
		require.EqualError(t, err, fmt.Sprintf("get a token: answered %d %s: invalid_grant", answer, http.StatusText(answer)))
		assert.Equal(t, stops, sinks.IsStop(err), answer)
		assert.False(t, sinks.IsPermanent(err))
	}
	for text, want := range map[string]string{
		"private-key-material":                   "read credentials_path: the file is not JSON",
		`{"type":"service_account"}`:             "get a token: the credentials give none",
		`{"type":"s0mething"}`:                   `read credentials_path: the file holds no credentials that can be used (its type is "s0mething")`,
		`{"type":"service_account","token_uri":`: "read credentials_path: the file is not JSON",
	} {
		path := filepath.Join(t.TempDir(), "key.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		var dialled, closed int
		_, err := newClient(Config{CredentialsPath: path}, &dialled, &closed).Get(t.Context())
		require.Error(t, err)
		assert.Contains(t, []string{want, `read credentials_path: the file holds no credentials that can be used (its type is "service_account")`}, err.Error())
	}
}

func TestATokenServiceThatIsNotThereIsTransient(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.json")
	keyFile(t, path, "http://127.0.0.1:1/token-path", "one")
	var dialled, closed int
	_, err := newClient(Config{CredentialsPath: path}, &dialled, &closed).Get(t.Context())
	require.Error(t, err)
	assert.False(t, sinks.IsStop(err), err)
	assert.NotContains(t, err.Error(), "token-path")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = newClient(Config{CredentialsPath: path}, &dialled, &closed).Get(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestVerdicts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.json")
	keyFile(t, path, startTokens(t).url, "one")
	var dialled, closed int
	c := newClient(Config{CredentialsPath: path}, &dialled, &closed)
	_, err := c.Get(t.Context()) // so that there is a token to keep out of errors
	require.NoError(t, err)
	reason := func(r string) []googleapi.ErrorItem { return []googleapi.ErrorItem{{Reason: r}} }
	throttled, err := status.New(codes.ResourceExhausted, "x").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(7 * time.Second)})
	require.NoError(t, err)
	for _, test := range []struct {
		err             error
		permanent, stop bool
		delay           time.Duration
		says            string
	}{
		{err: &googleapi.Error{Code: 400, Message: "bad"}, permanent: true, says: "answered 400 Bad Request: bad"},
		{err: &googleapi.Error{Code: 413}, permanent: true, says: "answered 413 Request Entity Too Large"},
		{err: &googleapi.Error{Code: 401}, stop: true, says: "answered 401 Unauthorized"},
		{err: &googleapi.Error{Code: 403, Errors: reason("accessDenied")}, stop: true, says: "answered 403 Forbidden"},
		{err: &googleapi.Error{Code: 403, Errors: reason("rateLimitExceeded")}, says: "answered 403 Forbidden"},
		{err: &googleapi.Error{Code: 403, Errors: reason("quotaExceeded"), Header: http.Header{"Retry-After": {"7"}}}, delay: 7 * time.Second, says: "answered 403 Forbidden"},
		{err: &googleapi.Error{Code: 404, Message: "no\nsuch \x1b[31mtable"}, stop: true, says: "answered 404 Not Found: no such [31mtable"},
		{err: &googleapi.Error{Code: 301}, stop: true, says: "answered 301 Moved Permanently"},
		{err: &googleapi.Error{Code: 429, Header: http.Header{"Retry-After": {"7"}}}, delay: 7 * time.Second, says: "answered 429 Too Many Requests"},
		{err: &googleapi.Error{Code: 503, Message: "Bearer " + token, Body: "echo"}, says: "answered 503 Service Unavailable: Bearer <secret>"},
		{err: &url.Error{Op: "Post", URL: "https://h/secret", Err: io.ErrUnexpectedEOF}, says: "no answer: unexpected EOF"},
		{err: errors.New("broken"), says: "no answer: call: broken"},
		{err: status.Error(codes.InvalidArgument, "bad"), permanent: true, says: "answered InvalidArgument: bad"},
		{err: status.Error(codes.NotFound, strings.Repeat("x", 999)), stop: true, says: "answered NotFound: " + strings.Repeat("x", 200) + "..."},
		{err: status.Error(codes.PermissionDenied, ""), stop: true, says: "answered PermissionDenied"},
		{err: status.Error(codes.Unauthenticated, token), stop: true, says: "answered Unauthenticated: <secret>"},
		{err: status.Error(codes.FailedPrecondition, ""), stop: true, says: "answered FailedPrecondition"},
		{err: status.Error(codes.Unavailable, "dial 10.0.0.1"), says: "answered Unavailable"},
		{err: status.Error(codes.Internal, ""), says: "answered Internal"},
		{err: throttled.Err(), delay: 7 * time.Second, says: "answered ResourceExhausted: x"},
	} {
		got := c.Explain(t.Context(), fmt.Errorf("call: %w", test.err))
		require.EqualError(t, got, test.says)
		assert.Equal(t, test.permanent, sinks.IsPermanent(got), test.says)
		assert.Equal(t, test.stop, sinks.IsStop(got), test.says)
		assert.Equal(t, test.delay, sinks.RetryDelay(got), test.says)
	}
	require.NoError(t, c.Explain(t.Context(), nil))
}

func TestEndpoints(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"": true, "https://h": true, "http://h:1/": true, "h:1": false, "ftp://h": false, "https://u:p@h": false, "https://h/x": false, "https://h?k=s": false,
	} {
		err := Config{Endpoint: endpoint}.Check()
		assert.Equal(t, ok, err == nil, endpoint)
	}
	t.Setenv("A_GOOGLE_EMULATOR", "127.0.0.1:8085")
	assert.Equal(t, "http://127.0.0.1:8085", Config{}.WithEmulator("A_GOOGLE_EMULATOR").Endpoint)
	assert.Equal(t, "https://h", Config{Endpoint: "https://h"}.WithEmulator("A_GOOGLE_EMULATOR").Endpoint)
	assert.Empty(t, Config{}.WithEmulator("NOT_SET_AT_ALL").Endpoint)
}
