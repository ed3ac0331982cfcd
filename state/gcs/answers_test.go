package gcs_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
)

var aLetter = state.DeadLetter{Receiver: "dump", ID: "uid.1", Reason: "400", Event: json.RawMessage(`{}`)}

// scripted is the URL of a service that gives every request one answer, and the
// requests that it got.
func scripted(t *testing.T, status int, body string) (string, *[]*http.Request) {
	t.Helper()
	var requests []*http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests = append(requests, r)
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, &requests
}

func said(code int) string {
	return fmt.Sprintf(`{"error": {"code": %d, "message": "said by the service", "errors": [{"message": "said by the service"}]}}`, code)
}

// TestAnswers: what the service says decides between a first run, a conflict and
// an error, and one call is one request.
func TestAnswers(t *testing.T) {
	const page = "<html><body>gateway 4711</body></html>"
	for name, test := range map[string]struct {
		status       int
		body         string
		load, commit error // what it must be; nil: neither a first run nor a conflict
		says         string
	}{
		"nothing there":               {status: 404, body: said(404), load: state.ErrNotFound, says: "does not exist"},
		"nothing there, said as text": {status: 404, body: "No such object: bucket/x", load: state.ErrNotFound, says: "does not exist"},
		"the condition does not hold": {status: 412, body: said(412), commit: state.ErrConflict, says: "412"},
		"a conflict of another kind":  {status: 409, body: said(409), says: "409 Conflict said by the service"},
		"not allowed":                 {status: 403, body: said(403), says: "not allowed: this needs storage.objects."},
		"not allowed, said as text":   {status: 403, body: "a@b.iam has no storage.objects.get access\n4711", says: "403 Forbidden a@b.iam has no storage.objects.get access"},
		"no credentials":              {status: 401, body: said(401), says: "401 Unauthorized"},
		"too many writes":             {status: 429, body: said(429), says: "takes one a second: 429 Too Many Requests"},
		"internal error":              {status: 500, body: said(500), says: "500 Internal Server Error"},
		"overloaded":                  {status: 503, body: said(503), says: "503 Service Unavailable"},
		"502 of a proxy":              {status: 502, body: page, says: "502 Bad Gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			url, requests := scripted(t, test.status, test.body)
			store := open(t, "bucket", url)
			check := func(err, want error) {
				t.Helper()
				requireHarmless(t, err)
				for _, known := range []error{state.ErrNotFound, state.ErrConflict, state.ErrUnreadable} {
					require.Equal(t, want != nil && known.Error() == want.Error(), strings.Contains(err.Error(), known.Error()), "%v", err)
				}
				if want != nil {
					require.ErrorIs(t, err, want)
				} else {
					require.ErrorContains(t, err, test.says)
				}
			}
			_, token, err := store.Load(t.Context())
			check(err, test.load)
			require.Empty(t, token)
			_, err = store.Commit(t.Context(), state.Checkpoint{}, "17")
			check(err, test.commit)
			require.Len(t, *requests, 2, "one call is one request")

			letters := openDeadLetters(t, "bucket", url)
			requireHarmless(t, letters.Put(t.Context(), aLetter))
			require.Len(t, *requests, 3)
			for _, err := range letters.All(t.Context()) {
				requireHarmless(t, err)
			}
			require.Len(t, *requests, 4)
			_ = letters.Delete(t.Context(), aLetter.Key())
			require.Len(t, *requests, 5)
		})
	}
}

// requireHarmless: no address, and nothing of a page that is not the service's.
func requireHarmless(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	for _, secret := range []string{"4711", "http:", "https:", "storage/v1"} {
		require.NotContains(t, err.Error(), secret)
	}
}

// A missing right is named, so that a person can grant it.
func TestDeniedNamesThePermissionAndTheBucket(t *testing.T) {
	url, _ := scripted(t, 403, said(403))
	store, letters := open(t, "bucket", url), openDeadLetters(t, "bucket", url)
	_, _, err := store.Load(t.Context())
	require.ErrorContains(t, err, "this needs storage.objects.get on bucket bucket: 403 Forbidden said by the service")
	_, err = store.Commit(t.Context(), state.Checkpoint{}, "")
	require.ErrorContains(t, err, "this needs storage.objects.create, and storage.objects.delete to replace an object, on bucket bucket: 403")
	require.ErrorContains(t, letters.Put(t.Context(), aLetter), "this needs storage.objects.create")
	require.ErrorContains(t, letters.Delete(t.Context(), aLetter.Key()), "this needs storage.objects.delete on bucket bucket")
	for _, err := range letters.All(t.Context()) {
		require.ErrorContains(t, err, "this needs storage.objects.list on bucket bucket")
	}
}

func TestWhatIsSent(t *testing.T) {
	url, requests := scripted(t, 500, said(500))
	store := open(t, "bucket", url)
	_, err := store.Commit(t.Context(), state.Checkpoint{}, "")
	require.Error(t, err)
	_, err = store.Commit(t.Context(), state.Checkpoint{}, "17")
	require.Error(t, err)
	require.Error(t, openDeadLetters(t, "bucket", url).Put(t.Context(), aLetter))
	for i, want := range []string{"0", "17", ""} {
		r := (*requests)[i]
		require.Equal(t, want, r.URL.Query().Get("ifGenerationMatch"))
		require.Equal(t, "multipart", r.URL.Query().Get("uploadType"), "one request")
		require.Empty(t, r.Header.Get("Authorization"), "nothing secret goes over a line in the clear")
	}
	_, err = store.Commit(t.Context(), state.Checkpoint{}, "an ETag")
	require.ErrorContains(t, err, `token "an ETag" is no generation`)
	require.Len(t, *requests, 3)
}

func TestAnUnreachableServiceIsNoFirstRun(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, _, err := open(t, "bucket", server.URL).Load(t.Context())
	require.ErrorContains(t, err, "load checkpoint from gcs bucket/"+object+": storage.objects.get: ")
	require.ErrorContains(t, err, "connection refused")
	require.NotErrorIs(t, err, state.ErrNotFound)
	requireHarmless(t, err)
	_, err = open(t, "bucket", server.URL).Commit(t.Context(), state.Checkpoint{}, "")
	require.ErrorContains(t, err, "connection refused")
	requireHarmless(t, err)
}

func TestOpeningNeedsNoCredentialsAndLoadingSaysSo(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
	store := open(t, "bucket", "")
	for range 2 { // a failure to connect is not kept
		_, _, err := store.Load(t.Context())
		require.ErrorContains(t, err, "connect: find application default credentials: ")
		require.ErrorContains(t, err, "none.json")
		require.NotErrorIs(t, err, state.ErrNotFound)
	}
}
