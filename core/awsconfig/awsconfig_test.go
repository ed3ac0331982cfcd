//go:build !slim || aws

package awsconfig

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/secret"
)

// alone keeps the environment of whoever runs the tests out of them.
func alone(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	nothing := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", nothing)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", nothing)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestRegion(t *testing.T) {
	alone(t)
	var wrong *SetupError
	_, err := Config{}.Load(t.Context())
	require.EqualError(t, err, "region is missing: set region or AWS_REGION")
	require.ErrorAs(t, err, &wrong)

	loaded, err := Config{Endpoint: "http://127.0.0.1:1"}.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "us-east-1", loaded.Region, "of services without regions")
	t.Setenv("AWS_REGION", "eu-north-1")
	loaded, err = Config{}.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "eu-north-1", loaded.Region)
	loaded, err = Config{Region: "eu-south-1"}.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "eu-south-1", loaded.Region)

	assert.Equal(t, "eu-central-1", RegionOf("arn:aws:sns:eu-central-1:1:x"))
	assert.Empty(t, RegionOf("x"))
}

func TestAProfileThatDoesNotExistIsTheOperators(t *testing.T) {
	alone(t)
	t.Setenv("AWS_PROFILE", "boat")
	_, err := Config{Region: "eu-south-1"}.Load(t.Context())
	var wrong *SetupError
	require.ErrorAs(t, err, &wrong)
	assert.EqualError(t, err, `read AWS configuration: profile "boat" does not exist`)
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	for want, c := range map[string]Config{
		`region: "eu central" is not a region such as eu-central-1`:               {Region: "eu central"},
		"endpoint: want a URL such as https://minio.example.com:9000":             {Endpoint: "minio-4711:9000"},
		"endpoint: holds a name or password: use accessKeyID and secretAccessKey": {Endpoint: "http://a:4711@h"},
		"accessKeyID and secretAccessKey belong together, one of them is missing": {SecretAccessKey: secret.New("4711")},
		"assumeRole: roleARN is missing":                                          {AssumeRole: AssumeRole{SessionName: "x"}},
		`assumeRole.roleARN: want arn:aws:iam::ACCOUNT:role/NAME, got "boat"`:     {AssumeRole: AssumeRole{RoleARN: "boat"}},
	} {
		assert.EqualError(t, c.Check(), want)
	}
	assert.NoError(t, Config{}.Check())
	assert.NoError(t, Config{AssumeRole: AssumeRole{RoleARN: "arn:aws-cn:iam::1:role/path/boat"}}.Check())
}

// One call is one request, and what it says of a failure holds no address.
func TestCallsAreNotRepeatedAndErrorsArePlain(t *testing.T) {
	alone(t)
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte("<ErrorResponse><Error><Code>InternalFailure</Code><Message>sorry\nhost:4711</Message></Error></ErrorResponse>"))
	}))
	defer server.Close()
	c := Config{Endpoint: server.URL, AccessKeyID: secret.New("id"), SecretAccessKey: secret.New("4711")}
	ask := func(ctx context.Context) error {
		loaded, err := c.Load(ctx)
		require.NoError(t, err)
		_, err = sts.NewFromConfig(loaded).GetCallerIdentity(ctx, nil)
		require.Error(t, err)
		return Plain(ctx, err)
	}
	assert.EqualError(t, ask(t.Context()), "500 InternalFailure: sorry")
	assert.Equal(t, 1, calls)

	ctx, cancel := context.WithCancelCause(t.Context())
	loaded, err := c.Load(ctx)
	require.NoError(t, err)
	cancel(errors.New("over"))
	_, err = sts.NewFromConfig(loaded).GetCallerIdentity(ctx, nil)
	assert.EqualError(t, Plain(ctx, err), "over")

	c.Endpoint = "http://127.0.0.1:1/4711"
	err = ask(t.Context())
	require.ErrorContains(t, err, "connection refused")
	assert.NotContains(t, err.Error(), "4711")
}

func TestNoCredentials(t *testing.T) {
	alone(t)
	c := Config{Region: "eu-south-1"}
	loaded, err := c.Load(t.Context())
	require.NoError(t, err, "nobody is asked yet")
	_, err = c.Credentials(t.Context(), loaded.Credentials)
	require.ErrorContains(t, err, GetCredentials)
}
