//go:build !slim || aws

package secrets

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

// fakeAWS answers as Secrets Manager and Parameter Store do.
type fakeAWS struct {
	mu      sync.Mutex
	values  map[string]string
	status  int // of every answer, 0 for the right one
	body    string
	count   int
	working int
	highest int
	last    *http.Request
	// together, if it is set, returns once enough requests are at work.
	together func()
}

func awsService(t *testing.T) *fakeAWS {
	t.Helper()
	f := &fakeAWS{values: map[string]string{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	aloneWith(t, server.URL, "AKIA0000000000000001", "secret-0001")
	return f
}

// aloneWith keeps the environment of whoever runs the tests out of them.
func aloneWith(t *testing.T, url, id, key string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": key, "AWS_REGION": "us-east-1",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_DEFAULT_REGION": "", "AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"),
		"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none"),
	} {
		t.Setenv(name, value)
		if value == "" {
			require.NoError(t, os.Unsetenv(name)) // an empty profile is one that does not exist to some
		}
	}
}

func (f *fakeAWS) put(name, value string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[name] = value
}

func (f *fakeAWS) answer(status int, body string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status, f.body = status, body
}

// waitFor makes every answer wait for n requests to be there.
func (f *fakeAWS) waitFor(n int) {
	var mu sync.Mutex
	full := make(chan struct{})
	here := 0
	f.together = func() {
		mu.Lock()
		mine := full
		if here++; here == n {
			close(full)
			full, here = make(chan struct{}), 0
		}
		mu.Unlock()
		<-mine
	}
}

func (f *fakeAWS) calls() int { f.mu.Lock(); defer f.mu.Unlock(); return f.count }
func (f *fakeAWS) most() int  { f.mu.Lock(); defer f.mu.Unlock(); return f.highest }

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		SecretID       string `json:"SecretId"`
		Name           string
		WithDecryption bool
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	f.last = r
	f.working++
	f.highest = max(f.highest, f.working)
	together := f.together
	f.mu.Unlock()
	if together != nil {
		together()
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	f.mu.Lock()
	f.working--
	value, ok := f.values[in.SecretID+in.Name]
	switch {
	case f.status != 0:
		w.WriteHeader(f.status)
		_, _ = io.WriteString(w, f.body)
	case r.Header.Get("X-Amz-Target") == "secretsmanager.GetSecretValue" && ok:
		_ = json.NewEncoder(w).Encode(map[string]any{"SecretString": value})
	case r.Header.Get("X-Amz-Target") == "AmazonSSM.GetParameter" && ok && in.WithDecryption:
		_ = json.NewEncoder(w).Encode(map[string]any{"Parameter": map[string]any{"Value": value}})
	default:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}`)
	}
}

func TestAWSAnswers(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		ref    string
		want   string
		wrong  bool
	}{
		{
			400, `{"__type":"AccessDeniedException","Message":"User: x is not authorized"}`, "awssm:prod/slack#token",
			"secret awssm:prod/slack#token: not allowed: secretsmanager:GetSecretValue (400 AccessDeniedException: User: x is not authorized)", true,
		},
		{
			400, `{"__type":"AccessDeniedException","Message":"Access to KMS is not allowed"}`, "awssm:prod/slack",
			"not allowed: secretsmanager:GetSecretValue, and kms:Decrypt with the key that it is encrypted with", true,
		},
		{400, `{"__type":"AccessDeniedException","Message":"no"}`, "ssm:/prod/slack", "not allowed: ssm:GetParameter", true},
		{400, `{"__type":"ParameterNotFound"}`, "ssm:/prod/slack", "does not exist in this account and region", true},
		{400, `{"__type":"ResourceNotFoundException","Message":"gone"}`, "awssm:x", "does not exist in this account and region (400 ResourceNotFoundException: gone)", true},
		{400, `{"__type":"InvalidRequestException","Message":"it is marked for deletion"}`, "awssm:x", "it is marked for deletion", true},
		{400, `{"__type":"ThrottlingException"}`, "awssm:x", "ThrottlingException", false},
		{400, `{"__type":"DecryptionFailure"}`, "awssm:x", "DecryptionFailure", false},
		{400, `{"__type":"UnrecognizedClientException"}`, "awssm:x", "UnrecognizedClientException", false},
		{403, `{"__type":"ExpiredTokenException"}`, "awssm:x", "ExpiredTokenException", false},
		{500, `{"__type":"InternalServiceError"}`, "awssm:x", "InternalServiceError", false},
		{502, `<html>a proxy with http://user:` + canary + `@x</html>`, "awssm:x", "502", false},
	} {
		t.Run(test.body, func(t *testing.T) {
			service := awsService(t)
			service.answer(test.status, test.body)
			err := fails(t, New(Options{}), test.ref)
			assert.ErrorContains(t, err, test.want)
			assert.Equal(t, test.wrong, fetch.IsWrong(err))
			assert.Equal(t, 1, service.calls(), "one attempt")
			assert.NotContains(t, err.Error(), "http:")
		})
	}
}

func TestTheRegionIsThatOfTheARN(t *testing.T) {
	service := awsService(t)
	const arn = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:prod/slack-AbCdEf"
	service.put(arn, "x")
	assert.Equal(t, []string{"x"}, fetchAll(t, New(Options{}), "awssm:"+arn))
	assert.Contains(t, service.last.Header.Get("Authorization"), "/eu-north-1/secretsmanager/")
}

func TestNobodyIsAskedBeforeTheFirstFetchAndWithoutCredentialsItIsNotTheConfiguration(t *testing.T) {
	service := awsService(t)
	c := New(Options{})
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	err := fails(t, c, "awssm:x")
	require.ErrorContains(t, err, "get AWS credentials")
	assert.False(t, fetch.IsWrong(err), "the role of a pod may be late")
	assert.Zero(t, service.calls())

	t.Setenv("AWS_REGION", "")
	err = fails(t, New(Options{}), "awssm:x")
	require.ErrorContains(t, err, "region is missing")
	assert.True(t, fetch.IsWrong(err))
}

// moto is an implementation that is not ours.
func TestAgainstMoto(t *testing.T) {
	moto, ok := peers.StartMoto(t)
	if !ok {
		return
	}
	aloneWith(t, moto.URL, moto.AccessKey, moto.SecretKey)
	arn := moto.Boto(t, `
import boto3
sm, ssm = boto3.client("secretsmanager"), boto3.client("ssm")
print(sm.create_secret(Name="prod/slack", SecretString='{"token":"`+canary+`","n":5}')["ARN"])
sm.create_secret(Name="prod/binary", SecretBinary=b"bytes")
ssm.put_parameter(Name="/prod/secure", Type="SecureString", Value="in the store")
ssm.put_parameter(Name="/prod/plain", Type="String", Value="plain")
`)[0]
	assert.Equal(t, []string{canary, "5", canary, "bytes", "in the store", "plain"}, fetchAll(t, New(Options{}),
		"awssm:prod/slack#token", "awssm:prod/slack#n", "awssm:"+arn+"#token", "awssm:prod/binary", "ssm:/prod/secure", "ssm:/prod/plain"))
	for _, ref := range []string{"awssm:prod/none", "ssm:/prod/none"} {
		err := fails(t, New(Options{}), ref)
		assert.ErrorContains(t, err, "does not exist in this account and region")
		assert.True(t, fetch.IsWrong(err))
	}
	moto.Boto(t, `
import boto3
boto3.client("secretsmanager").put_secret_value(SecretId="prod/slack", SecretString='{"token":"rotated"}')
print("done")
`)
	assert.Equal(t, []string{"rotated"}, fetchAll(t, New(Options{}), "awssm:prod/slack#token"))
}
