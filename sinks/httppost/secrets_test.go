package httppost_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/httppost"
)

// Services quote what they refuse, a key in the body too.
func TestASecretOfTheBodyDoesNotComeBack(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(server.Close)
	client, err := httppost.New(httppost.Config{}, sinks.Env{})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	_, err = client.Send(t.Context(), httppost.Request{
		URL: server.URL, Body: []byte(`{"key": "k3y-of-the-body"}`), Secrets: []secret.String{{}, secret.New("k3y-of-the-body")},
	})
	assert.EqualError(t, err, `answered 400 Bad Request: {"key": "<secret>"}`)
}
