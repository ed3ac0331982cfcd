package awsclient

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// alone keeps the environment of whoever runs the tests out of them.
func alone(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_ENDPOINT_URL", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
}

func build(c aws.Config) *kinesis.Client { return kinesis.NewFromConfig(c) }

func newClient(t *testing.T, c Config) *Client[*kinesis.Client] {
	t.Helper()
	client, err := New(c, sinks.Env{Version: "1.2.3"}, build)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func do(t *testing.T, c *Client[*kinesis.Client]) error {
	t.Helper()
	return c.Do(t.Context(), func(ctx context.Context, api *kinesis.Client) error {
		_, err := api.ListStreams(ctx, &kinesis.ListStreamsInput{})
		return err
	})
}

// service answers everything with one status and body, and counts.
func service(t *testing.T, status int, header, body string) (string, *atomic.Int32, *atomic.Pointer[http.Request]) {
	t.Helper()
	var calls atomic.Int32
	var last atomic.Pointer[http.Request]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		r.Form = map[string][]string{"body": {string(raw)}}
		calls.Add(1)
		last.Store(r)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if header != "" {
			w.Header().Set("X-Amz-Retry-After", header)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, &calls, &last
}

func keys(url string) Config {
	return Config{Config: awsconfig.Config{Endpoint: url, AccessKeyID: secret.New("AKIA0000000000000001"), SecretAccessKey: secret.New("secret-0001")}}
}

func TestNothingIsReadBeforeTheFirstDo_DS27(t *testing.T) {
	alone(t)
	stale := filepath.Join(t.TempDir(), "stale")
	const access = "\naws_access_key_id = AKIA\naws_secret_access_key = x\n"
	require.NoError(t, os.WriteFile(stale, []byte("[default]\nregion = us-west-2"+access), 0o600))
	t.Setenv("AWS_CONFIG_FILE", stale)
	c := newClient(t, Config{})
	// Only now there is the right one: whoever had looked before would keep the other.
	url, calls, last := service(t, 200, "", `{"StreamNames":[],"HasMoreStreams":false}`)
	file := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(file, []byte("[default]\nregion = eu-west-1"+access), 0o600))
	t.Setenv("AWS_CONFIG_FILE", file)
	t.Setenv("AWS_ENDPOINT_URL", url)
	require.NoError(t, do(t, c))
	assert.EqualValues(t, 1, calls.Load())
	assert.Contains(t, last.Load().Header.Get("Authorization"), "/eu-west-1/kinesis/")
	assert.Contains(t, last.Load().UserAgent(), "packetboat/1.2.3")
}

func TestRegion_DS27(t *testing.T) {
	alone(t)
	err := do(t, newClient(t, Config{}))
	assert.EqualError(t, err, "region is missing: set region or AWS_REGION")
	assert.True(t, sinks.IsStop(err))

	url, _, last := service(t, 200, "", `{}`)
	require.NoError(t, do(t, newClient(t, keys(url))))
	assert.Contains(t, last.Load().Header.Get("Authorization"), "/us-east-1/")
	t.Setenv("AWS_REGION", "eu-north-1")
	require.NoError(t, do(t, newClient(t, keys(url))))
	assert.Contains(t, last.Load().Header.Get("Authorization"), "/eu-north-1/")
	c := keys(url)
	c.Region = "eu-south-1"
	require.NoError(t, do(t, newClient(t, c)))
	assert.Contains(t, last.Load().Header.Get("Authorization"), "/eu-south-1/")
}

func TestMissingCredentialsAreTransient(t *testing.T) {
	alone(t)
	url, calls, _ := service(t, 200, "", `{}`)
	err := do(t, newClient(t, Config{Config: awsconfig.Config{Endpoint: url}}))
	require.ErrorContains(t, err, "get AWS credentials")
	assert.False(t, sinks.IsStop(err), "the metadata service of a pod may be late")
	assert.Zero(t, calls.Load())
}

func TestAssumeRole_DS27(t *testing.T) {
	alone(t)
	const answer = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t0ken</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`
	sts, asked, question := service(t, 200, "", answer)
	t.Setenv("AWS_ENDPOINT_URL_STS", sts)
	url, _, last := service(t, 200, "", `{}`)
	c := keys(url)
	c.AssumeRole = awsconfig.AssumeRole{RoleARN: "arn:aws:iam::1:role/boat", ExternalID: secret.New("ext-1"), SessionName: "me"}
	client := newClient(t, c)
	require.NoError(t, do(t, client))
	require.NoError(t, do(t, client))
	assert.EqualValues(t, 1, asked.Load(), "kept until it expires")
	body := question.Load().Form.Get("body")
	for _, want := range []string{"Action=AssumeRole", "ExternalId=ext-1", "RoleSessionName=me", "role%2Fboat"} {
		assert.Contains(t, body, want)
	}
	assert.Contains(t, last.Load().Header.Get("Authorization"), "Credential=ASIAROLE/")
	assert.Equal(t, "t0ken", last.Load().Header.Get("X-Amz-Security-Token"))

	sts, _, _ = service(t, 403, "", `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not with ext-1</Message></Error></ErrorResponse>`)
	t.Setenv("AWS_ENDPOINT_URL_STS", sts)
	assert.ErrorContains(t, do(t, newClient(t, c)), "AccessDenied: not with <secret>")

	for code, stops := range map[string]bool{"AccessDenied": true, "PackedPolicyTooLarge": true, "Throttling": false, "InternalFailure": false} {
		sts, asked, _ := service(t, 400, "", `<ErrorResponse><Error><Code>`+code+`</Code><Message>m</Message></Error></ErrorResponse>`)
		t.Setenv("AWS_ENDPOINT_URL_STS", sts)
		err := do(t, newClient(t, c))
		require.ErrorContains(t, err, code)
		assert.Equal(t, stops, sinks.IsStop(err), code)
		assert.False(t, sinks.IsPermanent(err), "%s: never the record's fault", code)
		assert.EqualValues(t, 1, asked.Load(), "one attempt")
	}
}

func TestVerdicts(t *testing.T) {
	alone(t)
	const ok, stops, bad = "transient", "stop", "permanent"
	for _, tc := range []struct {
		status int
		body   string
		after  string
		want   string
		delay  time.Duration
	}{
		{400, `{"__type":"ResourceNotFoundException","message":"Stream x not found"}`, "", stops, 0},
		{400, `{"__type":"AccessDeniedException"}`, "", stops, 0},
		{400, `{"__type":"UnrecognizedClientException"}`, "", stops, 0},
		{400, `{"__type":"ExpiredTokenException"}`, "", stops, 0},
		{400, `{"__type":"KMSDisabledException"}`, "", stops, 0},
		{400, `{"__type":"InvalidSignatureException","message":"The request signature we calculated"}`, "", stops, 0},
		{400, `{"__type":"InvalidSignatureException","message":"Signature expired: 2026 is now earlier than"}`, "", ok, 0},
		{403, `{"__type":"SignatureDoesNotMatch","message":"Signature not yet current: 2026 is still later than"}`, "", ok, 0},
		{400, `{"__type":"ValidationException"}`, "", bad, 0},
		{400, `{"__type":"BatchRequestTooLong"}`, "", bad, 0},
		{400, `{"__type":"NobodyHasHeardOfThisException"}`, "", bad, 0},
		{400, `{"__type":"ProvisionedThroughputExceededException"}`, "", ok, time.Second},
		{400, `{"__type":"LimitExceededException"}`, "2500", ok, 2500 * time.Millisecond},
		{400, `{"__type":"KMSThrottlingException"}`, "nonsense", ok, time.Second},
		{400, `{"__type":"ResourceNotFoundException"}`, "2500", stops, 0},
		{503, `{"__type":"ServiceUnavailableException"}`, "", ok, time.Second},
		{500, `{"__type":"InternalFailure"}`, "", ok, 0},
		{500, `<html>it is down</html>`, "", ok, 0},
		{403, `<html>a proxy</html>`, "", stops, 0},
		{413, `<html>a proxy</html>`, "", bad, 0},
		{301, `moved`, "", stops, 0},
		{200, `{"StreamNames":[`, "", ok, 0},
		{200, `<html>a portal</html>`, "", ok, 0},
	} {
		t.Run(fmt.Sprintf("%d %.60s %s", tc.status, tc.body, tc.after), func(t *testing.T) {
			url, calls, _ := service(t, tc.status, tc.after, tc.body)
			err := do(t, newClient(t, keys(url)))
			require.Error(t, err)
			got := ok
			switch {
			case sinks.IsStop(err):
				got = stops
			case sinks.IsPermanent(err):
				got = bad
			}
			assert.Equal(t, tc.want, got, err)
			assert.Equal(t, tc.delay, sinks.RetryDelay(err))
			assert.EqualValues(t, 1, calls.Load())
			assert.NotContains(t, err.Error(), url)
		})
	}
}

// An unknown code of one record must neither hold up the receiver for ever nor
// condemn what may be accepted later.
func TestAnUnknownCodeOfARecord(t *testing.T) {
	fault := func(code string, senderFault bool) error {
		return EntryError(middleware.Metadata{}, code, "m", senderFault)
	}
	assert.True(t, sinks.IsPermanent(fault("Unheard", true)))
	assert.False(t, sinks.IsPermanent(fault("Unheard", false)))
	assert.False(t, sinks.IsPermanent(fault("RequestThrottled", true)))
	assert.True(t, sinks.IsStop(fault("KmsDisabled", true)))
}

func TestErrorsHoldNoSecret(t *testing.T) {
	alone(t)
	url, _, _ := service(t, 400, "", `{"__type":"InvalidSignatureException","message":"no AKIA0000000000000001 here\nx-amz-security-token:abc"}`)
	err := do(t, newClient(t, keys(url)))
	assert.EqualError(t, err, "InvalidSignatureException: no <secret> here")

	// What a service finds fault with may be the event.
	for said, want := range map[string]string{
		`1 validation error detected: Value '[detail={\"a\":\"s3cr3t' at 'x\n\"}]' at 'entries' failed`: "1 validation error detected: Value at 'entries' failed",
		`1 validation error detected: Value '[detail={\"a\":\"s3cr3t`:                                   "1 validation error detected: Value",
	} {
		url, _, _ = service(t, 400, "", `{"__type":"ValidationException","message":"`+said+`"}`)
		assert.EqualError(t, do(t, newClient(t, keys(url))), "ValidationException: "+want)
	}

	url, _, _ = service(t, 400, "", `{"__type":"ValidationException","message":"the token session-t0ken-1 is bad"}`)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIA0000000000000002")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	t.Setenv("AWS_SESSION_TOKEN", "session-t0ken-1")
	err = do(t, newClient(t, Config{Config: awsconfig.Config{Endpoint: url}}))
	assert.EqualError(t, err, "ValidationException: the token <secret> is bad")
}

func TestTimeoutAndNetwork(t *testing.T) {
	alone(t)
	over := make(chan struct{})
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			_, _ = io.WriteString(w, "{}")
			return
		}
		<-over
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(over) })
	client := newClient(t, keys(server.URL))
	require.NoError(t, do(t, client), "so that only the answer is missing")
	client.config.HTTP.Timeout = time.Millisecond
	err := do(t, client)
	require.EqualError(t, err, "no answer: no answer within 1ms")
	assert.False(t, sinks.IsStop(err))

	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	err = do(t, newClient(t, keys(secure.URL)))
	require.ErrorContains(t, err, "not trusted")
	assert.True(t, sinks.IsStop(err))
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for want, c := range map[string]Config{
		`region: "eu central" is not a region such as eu-central-1`:    {Config: awsconfig.Config{Region: "eu central"}},
		"timeout: -1s is negative":                                     {HTTP: httppost.Config{Timeout: -time.Second}},
		"tls: caFile: open /does/not/exist: no such file or directory": {HTTP: httppost.Config{TLS: httppost.TLS{CAFile: "/does/not/exist"}}},
	} {
		_, err := New(c, sinks.Env{}, build)
		assert.EqualError(t, err, want)
	}
}
