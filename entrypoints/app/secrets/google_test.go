//go:build !slim || gcp

package secrets

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

const version = "projects/my-1/secrets/slack/versions/latest"

// secretManagerFake answers every request with one status and body.
func secretManagerFake(t *testing.T, status int, body string) (c *Cache, asked func() string) {
	t.Helper()
	var path string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.Method + " " + r.URL.Path
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return New(Options{SecretManager: server.URL}), func() string { return path }
}

func payload(value, sum string) string {
	return fmt.Sprintf(`{"name":"projects/1/secrets/slack/versions/3","payload":{"data":%q,"dataCrc32c":%q}}`,
		base64.StdEncoding.EncodeToString([]byte(value)), sum)
}

func crc(value string) string {
	return fmt.Sprint(crc32.Checksum([]byte(value), crc32.MakeTable(crc32.Castagnoli)))
}

func TestSecretManager(t *testing.T) {
	c, asked := secretManagerFake(t, 200, payload(`{"token":"`+canary+`"}`, crc(`{"token":"`+canary+`"}`)))
	assert.Equal(t, []string{canary}, fetchAll(t, c, "gcpsm:"+version+"#token"))
	assert.Equal(t, "GET /v1/"+version+":access", asked())
	c, _ = secretManagerFake(t, 200, payload("plain", ""))
	assert.Equal(t, []string{"plain"}, fetchAll(t, c, "gcpsm:"+version), "a secret that was stored without a checksum")
	assert.Equal(t, "https://secretmanager.googleapis.com", secretManager(version))
	assert.Equal(t, "https://secretmanager.europe-west3.rep.googleapis.com", secretManager("projects/p/locations/europe-west3/secrets/s/versions/1"))
}

func TestSecretManagerAnswers(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   string
		wrong  bool
	}{
		{
			403, `{"error":{"code":403,"message":"Permission 'secretmanager.versions.access' denied"}}`,
			"secret gcpsm:" + version + ": not allowed: secretmanager.versions.access, which roles/secretmanager.secretAccessor has (answer 403 Forbidden: Permission 'secretmanager.versions.access' denied)", true,
		},
		{404, `{"error":{"message":"Secret [x] not found"}}`, "does not exist (answer 404 Not Found: Secret [x] not found)", true},
		{400, `{"error":{"message":"is in DISABLED state"}}`, "DISABLED", true},
		{401, `{"error":{"message":"no"}}`, "answer 401 Unauthorized: no", false},
		{429, `{}`, "answer 429 Too Many Requests", false},
		{503, `<html>` + canary, "answer 503 Service Unavailable", false},
		{200, `<html>` + canary, "the answer is none of Secret Manager's", false},
		{200, payload(canary, crc("other")), "the value was damaged on the way: its checksum is another", false},
		{200, payload("", ""), "is empty", true},
	} {
		t.Run(fmt.Sprint(test.status, test.want), func(t *testing.T) {
			c, _ := secretManagerFake(t, test.status, test.body)
			err := fails(t, c, "gcpsm:"+version)
			assert.ErrorContains(t, err, test.want)
			assert.Equal(t, test.wrong, fetch.IsWrong(err))
		})
	}
}

func TestWithoutGoogleCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none"))
	err := fails(t, New(Options{}), "gcpsm:"+version)
	require.ErrorContains(t, err, "credentials")
	assert.NotContains(t, err.Error(), "https:")
}
