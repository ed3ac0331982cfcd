package gcs_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
)

// TestAPartOfACheckpointIsRefused: a cancelled upload is ended by the client
// library as a whole message with what was sent so far, seen as an empty
// checkpoint on fake-gcs-server. Each upload says its checksum before its bytes.
func TestAPartOfACheckpointIsRefused(t *testing.T) {
	uploads := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uploads++
		checkUpload(t, r)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer server.Close()
	_, err := open(t, "bucket", server.URL).Commit(t.Context(), state.Checkpoint{Revision: 7}, "17")
	require.Error(t, err)
	require.Error(t, openDeadLetters(t, "bucket", server.URL).Put(t.Context(), aLetter))
	require.Equal(t, 2, uploads)
}

func checkUpload(t *testing.T, r *http.Request) {
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	assert.NoError(t, err)
	parts := multipart.NewReader(r.Body, parameters["boundary"])
	said, err := parts.NextPart()
	if !assert.NoError(t, err) {
		return
	}
	var metadata struct{ Crc32c string }
	assert.NoError(t, json.NewDecoder(said).Decode(&metadata))
	content, err := parts.NextPart()
	if !assert.NoError(t, err) {
		return
	}
	body, err := io.ReadAll(content)
	assert.NoError(t, err)
	assert.NotEmpty(t, body)
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	assert.Equal(t, base64.StdEncoding.EncodeToString(sum), metadata.Crc32c)
}
