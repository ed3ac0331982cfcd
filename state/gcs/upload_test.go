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

// TestUploadsSayTheirChecksum: a cancelled upload is ended by the client library
// as a whole message with what was sent so far, seen as an empty checkpoint on
// fake-gcs-server. A service refuses it because of the checksum.
func TestUploadsSayTheirChecksum(t *testing.T) {
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

// A commit of which the service says that it stored something else is no commit.
func TestAChecksumThatDiffersIsAnError(t *testing.T) {
	url, _ := scripted(t, http.StatusOK, `{"generation": "18", "crc32c": "AAAAAA=="}`)
	token, err := open(t, "bucket", url).Commit(t.Context(), state.Checkpoint{Revision: 7}, "17")
	require.ErrorContains(t, err, "checksum mismatch")
	require.Empty(t, token)
	require.ErrorContains(t, openDeadLetters(t, "bucket", url).Put(t.Context(), aLetter), "checksum mismatch")
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
