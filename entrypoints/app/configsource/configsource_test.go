//go:build !slim || (aws && gcp)

package configsource

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

func open(t *testing.T, name string) *Source {
	t.Helper()
	s, err := Open(name, func() (rest.Interface, func(), error) { return nil, nil, errors.New("there is no cluster") })
	require.NoError(t, err)
	return s
}

func reads(t *testing.T, s *Source, want string) {
	t.Helper()
	data, err := s.Read(t.Context())
	require.NoError(t, err)
	assert.Equal(t, want, string(data))
}

func TestSpelling(t *testing.T) {
	for name, want := range map[string]string{
		"env:": "want env:NAME", "env:A=B": "want env:NAME",
		"s3:bucket/key": "want s3://BUCKET/KEY", "s3://bucket": "want s3://BUCKET/KEY", "s3:///key": "want s3://BUCKET/KEY", "s3://bucket/": "want s3://BUCKET/KEY",
		"gs://bucket": "want gs://BUCKET/OBJECT", "ssm:path": "want ssm:/PATH or ssm:ARN",
		"configmap:name": "want configmap:NAMESPACE/NAME", "configmap:a/b/c": "want configmap:", "configmap:a/b#": "want configmap:", "configmap:/b": "want configmap:",
	} {
		_, err := Open(name, nil)
		assert.ErrorContains(t, err, name+": "+want)
	}
	for _, name := range []string{"config.yaml", "/etc/packetboat/config.yaml", `C:\config.yaml`, "a:b", "./s3:x"} {
		assert.Equal(t, name, open(t, name).Path)
	}
	for _, name := range []string{"env:A", "s3://bucket/key", "gs://bucket/a/b", "ssm:/a", "configmap:a/b"} {
		assert.Empty(t, open(t, name).Path)
	}
}

func TestFileAndVariable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte("a: 1"), 0o600))
	s := open(t, file)
	reads(t, s, "a: 1")
	require.NoError(t, os.WriteFile(file, []byte("a: 2"), 0o600))
	reads(t, s, "a: 2")
	require.NoError(t, os.Remove(file))
	_, err := s.Read(t.Context())
	require.ErrorIs(t, err, os.ErrNotExist)

	t.Setenv("INLINE", "b: 1")
	reads(t, open(t, "env:INLINE"), "b: 1")
	_, err = open(t, "env:NOT_SET").Read(t.Context())
	require.EqualError(t, err, "variable NOT_SET is not set")
	assert.True(t, fetch.IsWrong(err))
	t.Setenv("INLINE", strings.Repeat("x", config.MaxBytes+1))
	_, err = open(t, "env:INLINE").Read(t.Context())
	require.EqualError(t, err, "has more than 1048576 bytes, the limit of a configuration")
	assert.True(t, fetch.IsWrong(err))
}

// useAWS keeps the environment of whoever runs the tests out of them.
func useAWS(t *testing.T, url, id, key string) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": key, "AWS_REGION": "us-east-1",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
}

func TestS3(t *testing.T) {
	for _, peer := range peers.StartS3(t) {
		t.Run(peer.Name, func(t *testing.T) {
			useAWS(t, peer.Endpoint, peer.AccessKey, peer.SecretKey)
			client := s3.New(s3.Options{
				BaseEndpoint: &peer.Endpoint, Region: peer.Region, UsePathStyle: true,
				Credentials: credentials.NewStaticCredentialsProvider(peer.AccessKey, peer.SecretKey, ""),
			})
			_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("boats")})
			require.NoError(t, err)
			put := func(text []byte) {
				_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("boats"), Key: aws.String("a b/ä.yaml"), Body: bytes.NewReader(text)})
				require.NoError(t, err)
			}
			put([]byte("a: 1"))
			s := open(t, "s3://boats/a b/ä.yaml")
			reads(t, s, "a: 1")
			reads(t, s, "a: 1")
			known, err := s.read(t.Context(), s.last.version)
			require.NoError(t, err)
			assert.True(t, known.same, "it is not sent again")
			put([]byte("a: 2"))
			reads(t, s, "a: 2")
			put(bytes.Repeat([]byte("x"), config.MaxBytes+1))
			_, err = s.Read(t.Context())
			assert.EqualError(t, err, "has more than 1048576 bytes, the limit of a configuration")
			for _, name := range []string{"s3://boats/none", "s3://none/none"} {
				_, err = open(t, name).Read(t.Context())
				require.ErrorContains(t, err, "does not exist", name)
				assert.True(t, fetch.IsWrong(err))
			}
		})
	}
}

func answering(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestWhoMayNotReadIsToldWhatIsMissing(t *testing.T) {
	const denied = `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`
	for name, test := range map[string]struct {
		status int
		body   string
		want   string
		wrong  bool
	}{
		"s3://boats/config.yaml": {403, denied, "not allowed: s3:GetObject, or the object does not exist (403 AccessDenied: Access Denied)", true},
		"s3://boats/moved":       {301, `<Error><Code>PermanentRedirect</Code><Message>use another</Message></Error>`, "301 PermanentRedirect", false},
		"s3://boats/down":        {503, "", "503", false},
		"ssm:/boats/config":      {400, `{"__type":"AccessDeniedException","Message":"no"}`, "not allowed: ssm:GetParameter", true},
		"gs://boats/config.yaml": {403, `{"error":{"message":"boat@p does not have storage.objects.get access"}}`, "not allowed: storage.objects.get, which roles/storage.objectViewer has", true},
		"gs://boats/none":        {404, `No such object: boats/none`, "does not exist (answer 404 Not Found)", true},
		"gs://boats/down":        {503, ``, "answer 503 Service Unavailable", false},
	} {
		t.Run(name, func(t *testing.T) {
			url := answering(t, test.status, test.body)
			useAWS(t, url, "AKIA0000000000000001", "secret-0001")
			t.Setenv("STORAGE_EMULATOR_HOST", url)
			_, err := open(t, name).Read(t.Context())
			require.ErrorContains(t, err, test.want)
			assert.Equal(t, test.wrong, fetch.IsWrong(err))
			assert.NotContains(t, err.Error(), "http:")
		})
	}
}

func TestNobodyThere(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	useAWS(t, gone.URL, "AKIA0000000000000001", "secret-0001")
	t.Setenv("STORAGE_EMULATOR_HOST", gone.URL)
	for _, name := range []string{"s3://boats/config.yaml", "gs://boats/config.yaml", "ssm:/boats/config"} {
		_, err := open(t, name).Read(t.Context())
		require.ErrorContains(t, err, "connection refused", name)
		assert.False(t, fetch.IsWrong(err), "it may be there the next time")
		assert.NotContains(t, err.Error(), "http:")
	}
	_, err := open(t, "configmap:a/b").Read(t.Context())
	require.EqualError(t, err, "there is no cluster")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = open(t, "gs://boats/config.yaml").Read(ended)
	require.ErrorIs(t, err, context.Canceled)
}

func TestCloudStorage(t *testing.T) {
	for _, peer := range peers.StartGCS(t) {
		t.Run(peer.Name, func(t *testing.T) {
			t.Setenv("STORAGE_EMULATOR_HOST", peer.Endpoint)
			post(t, peer.Endpoint+"/storage/v1/b?project=p", "application/json", `{"name":"boats"}`)
			const upload = "/upload/storage/v1/b/boats/o?uploadType=media&name=a%2Fb%20%C3%A4.yaml"
			post(t, peer.Endpoint+upload, "application/yaml", "a: 1")
			s := open(t, "gs://boats/a/b ä.yaml")
			reads(t, s, "a: 1")
			generation, err := strconv.ParseInt(s.last.version, 10, 64)
			require.NoError(t, err)
			assert.NotZero(t, generation)
			reads(t, s, "a: 1")
			post(t, peer.Endpoint+upload, "application/yaml", "a: 2")
			reads(t, s, "a: 2")
			post(t, peer.Endpoint+upload, "application/yaml", strings.Repeat("x", config.MaxBytes+1))
			_, err = s.Read(t.Context())
			require.ErrorContains(t, err, "is larger than the limit of 1048576 bytes")
			_, err = open(t, "gs://boats/none").Read(t.Context())
			require.ErrorContains(t, err, "does not exist")
		})
	}
}

// The emulator knows no condition on a read; this is what Cloud Storage answers.
func TestAnUnchangedObjectIsNotSentAgain(t *testing.T) {
	var queries []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		queries = append(queries, r.URL.Query().Get("ifGenerationNotMatch"))
		if queries[len(queries)-1] == "7" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("X-Goog-Generation", "7")
		_, _ = io.WriteString(w, "a: 1")
	}))
	t.Cleanup(server.Close)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(server.URL, "http://"))
	s := open(t, "gs://boats/config.yaml")
	for range 3 {
		reads(t, s, "a: 1")
	}
	assert.Equal(t, []string{"", "7", "7"}, queries)
}

func post(t *testing.T, url, contentType, body string) {
	t.Helper()
	resp, err := http.Post(url, contentType, strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestParameter(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Name           string
			WithDecryption bool
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		assert.True(t, in.WithDecryption)
		_ = json.NewEncoder(w).Encode(map[string]any{"Parameter": map[string]any{"Value": "name: " + in.Name}})
	}))
	t.Cleanup(server.Close)
	useAWS(t, server.URL, "AKIA0000000000000001", "secret-0001")
	reads(t, open(t, "ssm:/boats/config"), "name: /boats/config")
}

func TestAgainstMoto(t *testing.T) {
	moto, ok := peers.StartMoto(t)
	if !ok {
		return
	}
	useAWS(t, moto.URL, moto.AccessKey, moto.SecretKey)
	require.NoError(t, os.Unsetenv("AWS_PROFILE"))
	moto.Boto(t, `
import boto3
boto3.client("s3").create_bucket(Bucket="boats")
boto3.client("s3").put_object(Bucket="boats", Key="config.yaml", Body=b"a: 1")
boto3.client("ssm").put_parameter(Name="/boats/config", Type="SecureString", Value="b: 2")
print("done")
`)
	s := open(t, "s3://boats/config.yaml")
	reads(t, s, "a: 1")
	reads(t, s, "a: 1")
	reads(t, open(t, "ssm:/boats/config"), "b: 2")
	_, err := open(t, "s3://boats/none").Read(t.Context())
	require.ErrorContains(t, err, "does not exist")
	_, err = open(t, "ssm:/boats/none").Read(t.Context())
	require.ErrorContains(t, err, "does not exist")
}
