package s3_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/awsconfig"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/s3"
)

var aLetter = state.DeadLetter{Receiver: "dump", ID: "uid.1", Reason: "400", Event: json.RawMessage(`{}`)}

// answer is a service that gives every request one answer.
type answer struct {
	status int
	code   string // of an S3 error; "" is the body instead
	body   string
}

// scripted gives the access to a service of one answer, and the requests that it got.
func scripted(t *testing.T, a answer) (s3.Access, *[]*http.Request) {
	t.Helper()
	var requests []*http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests = append(requests, r)
		w.Header().Set("Retry-After", "0")
		w.Header().Set("X-Amz-Id-2", "host-id-4711")
		w.WriteHeader(a.status)
		body := a.body
		if a.code != "" {
			body = fmt.Sprintf(`<?xml version="1.0"?><Error><Code>%s</Code><Message>said by the service</Message><HostId>4711</HostId></Error>`, a.code)
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return access(peers.S3{Region: "us-east-1", AccessKey: "id-4711", SecretKey: "secret-4711"}, "bucket", server.URL), &requests
}

// TestAnswers: what the service says decides between a first run, a conflict and
// an error, and one call is one request.
func TestAnswers(t *testing.T) {
	const page = "<html><body>gateway</body></html>"
	for name, test := range map[string]struct {
		answer
		load, commit error // what it must be; nil: neither a first run nor a conflict
		says         string
	}{
		"nothing there":                    {answer: answer{404, "NoSuchKey", ""}, load: state.ErrNotFound, commit: state.ErrConflict},
		"the condition does not hold":      {answer: answer{412, "PreconditionFailed", ""}, commit: state.ErrConflict},
		"another write is under way":       {answer: answer{409, "ConditionalRequestConflict", ""}, commit: state.ErrConflict},
		"the bucket is being changed":      {answer: answer{409, "OperationAborted", ""}, says: "409 OperationAborted"},
		"no bucket":                        {answer: answer{404, "NoSuchBucket", ""}, says: "bucket bucket does not exist"},
		"not allowed":                      {answer: answer{403, "AccessDenied", ""}, says: "not allowed"},
		"expired credentials":              {answer: answer{400, "ExpiredToken", ""}, says: "400 ExpiredToken: said by the service"},
		"another region":                   {answer: answer{301, "PermanentRedirect", ""}, says: "is bucket bucket in another region?"},
		"internal error":                   {answer: answer{500, "InternalError", ""}, says: "500 InternalError"},
		"slow down":                        {answer: answer{503, "SlowDown", ""}, says: "503 SlowDown"},
		"conditions are not built in":      {answer: answer{501, "NotImplemented", ""}, says: "conditional writes"},
		"404 of a proxy":                   {answer: answer{404, "", page}, says: "404"},
		"404 without a word":               {answer: answer{404, "", ""}, says: "404"},
		"502 of a proxy":                   {answer: answer{502, "", page}, says: "502"},
		"a success that is none (no ETag)": {answer: answer{200, "", page}, says: "no ETag"},
	} {
		t.Run(name, func(t *testing.T) {
			access, requests := scripted(t, test.answer)
			store := open(t, access)
			check := func(err, want error) {
				t.Helper()
				require.Error(t, err)
				for _, known := range []error{state.ErrNotFound, state.ErrConflict, state.ErrUnreadable} {
					require.Equal(t, want != nil && known.Error() == want.Error(), strings.Contains(err.Error(), known.Error()), "%v", err)
				}
				if want != nil {
					require.ErrorIs(t, err, want)
				} else {
					require.ErrorContains(t, err, test.says)
				}
				requireHarmless(t, err)
			}
			_, token, err := store.Load(t.Context())
			check(err, test.load)
			require.Empty(t, token)
			_, err = store.Commit(t.Context(), state.Checkpoint{}, `"etag"`)
			check(err, test.commit)
			require.Len(t, *requests, 2, "one call is one request")

			letters := openDeadLetters(t, access)
			requireHarmless(t, letters.Put(t.Context(), aLetter))
			require.Len(t, *requests, 3)
		})
	}
}

// requireHarmless: no address, no key, no host ID.
func requireHarmless(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for _, secret := range []string{"4711", "http:", "https:", "/bucket/packetboat"} {
		require.NotContains(t, err.Error(), secret)
	}
}

// A missing right is named, so that a person can grant it.
func TestDeniedNamesTheActionAndTheBucket(t *testing.T) {
	access, _ := scripted(t, answer{403, "AccessDenied", ""})
	store, letters := open(t, access), openDeadLetters(t, access)
	_, _, err := store.Load(t.Context())
	require.ErrorContains(t, err, "nothing is there yet: this needs s3:GetObject on the object and s3:ListBucket on bucket bucket: 403")
	_, err = store.Commit(t.Context(), state.Checkpoint{}, "")
	require.ErrorContains(t, err, "this needs s3:PutObject on bucket bucket: 403 AccessDenied: said by the service")
	require.ErrorContains(t, letters.Put(t.Context(), aLetter), "this needs s3:PutObject on bucket bucket")
	require.ErrorContains(t, letters.Delete(t.Context(), aLetter.Key()), "this needs s3:DeleteObject on bucket bucket")
	for _, err := range letters.All(t.Context()) {
		require.ErrorContains(t, err, "this needs s3:ListBucket on bucket bucket")
	}
}

func TestWhatIsSent(t *testing.T) {
	access, requests := scripted(t, answer{500, "InternalError", ""})
	access.SSE = s3.SSE{Type: "aws:kms", KMSKeyID: "alias/packetboat"}
	store := open(t, access)
	_, err := store.Commit(t.Context(), state.Checkpoint{}, "")
	require.Error(t, err)
	_, err = store.Commit(t.Context(), state.Checkpoint{}, `"etag"`)
	require.Error(t, err)
	require.Error(t, openDeadLetters(t, access).Put(t.Context(), aLetter))
	create, replace, letter := (*requests)[0], (*requests)[1], (*requests)[2]
	require.Equal(t, "/bucket/"+key, create.URL.Path)
	require.Equal(t, []string{"*", ""}, []string{create.Header.Get("If-None-Match"), create.Header.Get("If-Match")})
	require.Equal(t, []string{"", `"etag"`}, []string{replace.Header.Get("If-None-Match"), replace.Header.Get("If-Match")})
	require.Equal(t, []string{"", ""}, []string{letter.Header.Get("If-None-Match"), letter.Header.Get("If-Match")})
	for _, r := range *requests {
		require.Equal(t, "aws:kms", r.Header.Get("X-Amz-Server-Side-Encryption"))
		require.Equal(t, "alias/packetboat", r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"))
		require.Len(t, r.Header.Get("X-Amz-Content-Sha256"), 64, "the signature covers what is sent")
		for name := range r.Header {
			require.NotContains(t, name, "Checksum", "services other than AWS refuse it")
		}
		require.NotContains(t, r.Header.Get("Content-Encoding"), "aws-chunked")
	}
}

func TestAnUnreachableServiceIsNoFirstRun(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	access := access(peers.S3{Region: "us-east-1", AccessKey: "id-4711", SecretKey: "secret-4711"}, "bucket", server.URL)
	_, _, err := open(t, access).Load(t.Context())
	require.ErrorContains(t, err, "load checkpoint from s3 bucket/"+key+": s3:GetObject: ")
	require.ErrorContains(t, err, "connection refused")
	require.NotErrorIs(t, err, state.ErrNotFound)
	requireHarmless(t, err)
	_, err = open(t, access).Commit(t.Context(), state.Checkpoint{}, "")
	requireHarmless(t, err)
}

// withoutAWS takes away whatever the machine has of an AWS configuration.
func withoutAWS(t *testing.T) {
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

func TestOpeningNeedsNoCredentialsAndLoadingSaysSo(t *testing.T) {
	withoutAWS(t)
	_, _, err := open(t, s3.Access{Bucket: "bucket"}).Load(t.Context())
	require.ErrorContains(t, err, "region is missing: set region or AWS_REGION")
	_, _, err = open(t, s3.Access{Bucket: "bucket", Config: awsconfig.Config{Region: "us-east-1"}}).Load(t.Context())
	require.ErrorContains(t, err, "get AWS credentials, from the configuration, the environment, the shared files or the role")
	requireHarmless(t, err)

	access, requests := scripted(t, answer{404, "NoSuchKey", ""})
	access.AccessKeyID, access.SecretAccessKey, access.Region = secret.String{}, secret.String{}, ""
	t.Setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	_, _, err = open(t, access).Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	require.Contains(t, (*requests)[0].Header.Get("Authorization"), "Credential=from-the-environment/")
	require.Contains(t, (*requests)[0].Header.Get("Authorization"), "/us-east-1/s3/", "a service without regions")
}

// The role is asked for at the first use, its credentials sign, and a trust
// policy that does not want us says so without the external ID.
func TestAssumedRole(t *testing.T) {
	withoutAWS(t)
	asked := 0
	answers := []string{`<ErrorResponse><Error><Code>AccessDenied</Code><Message>not with ext-4711</Message></Error></ErrorResponse>`, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t0ken</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`}
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, r.ParseForm())
		assert.Equal(t, "ext-4711", r.PostForm.Get("ExternalId"))
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = io.WriteString(w, answers[min(asked, 2)-1])
	}))
	t.Cleanup(sts.Close)
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)

	access, requests := scripted(t, answer{404, "NoSuchKey", ""})
	access.AssumeRole = awsconfig.AssumeRole{RoleARN: "arn:aws:iam::1:role/boat", ExternalID: secret.New("ext-4711")}
	store := open(t, access)
	require.Zero(t, asked)
	_, _, err := store.Load(t.Context())
	require.ErrorContains(t, err, "get AWS credentials")
	require.ErrorContains(t, err, "403 AccessDenied: not with <secret>")
	requireHarmless(t, err)
	require.Empty(t, *requests)

	for range 2 {
		_, _, err = store.Load(t.Context())
		require.ErrorIs(t, err, state.ErrNotFound)
	}
	require.Equal(t, 2, asked, "kept until it expires")
	require.Contains(t, (*requests)[0].Header.Get("Authorization"), "Credential=ASIAROLE/")
}
