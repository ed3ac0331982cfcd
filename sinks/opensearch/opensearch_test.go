package opensearch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const (
	password  = "pa55word-f00dcafe"
	accessKey = "AKIDEXAMPLE-0ddba11"
	secretKey = "s3cr3t-k3y-5ca1ab1e"
)

func harness(config string, secrets ...string) sinktest.Harness {
	return sinktest.Harness{
		Secrets: secrets,
		Start: func(t *testing.T) sinktest.Destination {
			service := sinktest.NewBulkService(t, 10<<20)
			return sinktest.Destination{Kind: Kind, Service: service, Config: "hosts: [" + service.URL + "]\n" + config}
		},
		NoRecordLimit:      "only bytes count",
		NoDeduplicationKey: "the _id is in the first of a record's two lines",
	}
}

const (
	basic  = "index: kube-events\nusername: boat\npassword: " + password
	signed = "indexFormat: kube-events-{2006.01.02}\nuseEventID: true\ngzip: true\nawsService: es\nregion: eu-west-1\n" +
		"accessKeyID: " + accessKey + "\nsecretAccessKey: " + secretKey
)

func TestConformance(t *testing.T) {
	t.Run("basic", func(t *testing.T) {
		h := harness(basic, password)
		h.Golden = "testdata/basic"
		sinktest.Run(t, h)
	})
	t.Run("signed", func(t *testing.T) {
		h := harness(signed, accessKey, secretKey)
		h.Golden = "testdata/signed"
		const same = "the limits are those that basic is tested with" // which saves half of the time
		h.NoByteLimit, h.NoRecordByteLimit = same, same
		sinktest.Run(t, h)
	})
}

func TestFaults(t *testing.T) { sinktest.Survive(t, harness(signed)) }

func TestRequestsPerThousand(t *testing.T) {
	assert.Equal(t, 1, sinktest.RequestsPerThousand(t, harness(basic).Start(t)))
}

func send(t *testing.T, config string) error {
	t.Helper()
	return sinktest.Send(t, sinktest.MustOpen(t, Kind, config), event.Sample())
}

// serve answers a batch of one and hands over what came.
func serve(t *testing.T, status int) (string, <-chan *http.Request) {
	t.Helper()
	seen := make(chan *http.Request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		r.Body = io.NopCloser(bytes.NewReader(body))
		seen <- r
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"errors":false,"items":[{"index":{"status":201}}]}`)
	}))
	t.Cleanup(server.Close)
	return server.URL, seen
}

func TestNoRefusalIsTakenForSuccess_DS16(t *testing.T) {
	for _, status := range []int{301, 400, 401, 403, 404, 413, 429, 500, 502, 503, 504} {
		url, seen := serve(t, status)
		require.Error(t, send(t, "hosts: ["+url+"]\nindex: x"), status)
		assert.Len(t, seen, 1, "one attempt")
	}
}

// The service computes the signature anew from what it received, and compares.
func TestRequestsAreSigned_DS16(t *testing.T) {
	for _, service := range []string{"es", "aoss"} {
		for _, more := range []string{"", "\ngzip: true", "\npipeline: a b+c/d\nheaders: {X-Own: v}"} {
			url, seen := serve(t, http.StatusOK)
			config := strings.Replace(signed, "gzip: true\nawsService: es", "awsService: "+service, 1) + more
			require.NoError(t, send(t, "hosts: ["+url+"/base]\n"+config))
			assertSigned(t, <-seen, service)
		}
	}
}

func assertSigned(t *testing.T, r *http.Request, service string) {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	digest := sha256.Sum256(body)
	hash := hex.EncodeToString(digest[:])
	assert.Equal(t, hash, r.Header.Get("X-Amz-Content-Sha256"))
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	require.NoError(t, err)

	got := r.Header.Get("Authorization")
	_, rest, _ := strings.Cut(got, "SignedHeaders=")
	names, _, _ := strings.Cut(rest, ",")
	again, err := http.NewRequestWithContext(t.Context(), r.Method, "http://"+r.Host+r.RequestURI, bytes.NewReader(body))
	require.NoError(t, err)
	for name := range strings.SplitSeq(names, ";") {
		if name != "host" && name != "content-length" {
			again.Header.Set(name, r.Header.Get(name))
		}
	}
	credentials := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), credentials, again, hash, service, "eu-west-1", at))
	assert.Equal(t, again.Header.Get("Authorization"), got)
	assert.Contains(t, got, "/eu-west-1/"+service+"/aws4_request")
}

// Neither opening nor encoding looks for credentials; what is wrong with them is
// the receiver's fault and not the event's.
func TestCredentialsAreLookedForAtTheFirstSend(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", "/does/not/exist")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/does/not/exist")
	t.Setenv("AWS_PROFILE", "nobody")
	url, seen := serve(t, http.StatusOK)
	err := send(t, "hosts: ["+url+"]\nindex: x\nawsService: es\nregion: eu-west-1")
	require.Error(t, err)
	assert.True(t, sinks.IsStop(err), "%v", err)
	assert.Empty(t, seen)
}

func TestHostsOfTheEnvironment(t *testing.T) {
	url, seen := serve(t, http.StatusOK)
	t.Setenv("OPENSEARCH_URL", url)
	require.NoError(t, send(t, "index: x"))
	assert.Len(t, seen, 1)
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"index: x":             "hosts: is missing: write hosts: [http://localhost:9200] or the like, or set OPENSEARCH_URL",
		"hosts: [h]\nindex: x": "hosts: number 1: want a URL that begins with http:// or https://",
		"hosts: [http://h]\nindex: x\nregion: eu-west-1":               "awsService: is missing, want es or aoss to sign requests for AWS",
		"hosts: [http://h]\nindex: x\nawsService: s3":                  `awsService: want es or aoss, got "s3"`,
		"hosts: [http://h]\nindex: x\nawsService: es\nusername: u":     "awsService: cannot be set beside username and password",
		"hosts: [http://h]\nindex: x\nawsService: es\naccessKeyID: a":  "accessKeyID and secretAccessKey belong together, one of them is missing",
		"hosts: [http://h]\nindex: x\ntls: {caFile: /does/not/exist}":  "tls: caFile: open /does/not/exist: no such file or directory",
		"hosts: [http://h]\nindex: x\ndataStream: true\nlayout: [a,b]": "line 4, column 9: layout: want a mapping, a document is a JSON object",
	} {
		_, err := sinktest.Open(t, Kind, config)
		assert.EqualError(t, err, want, config)
	}
}
