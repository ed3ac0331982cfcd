package digesttest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// workspace is Slack's Web API as far as a bot uses it. It keeps every message.
type workspace struct {
	*httptest.Server

	mu       sync.Mutex
	posted   []message
	received func() // called when a message is kept and not answered yet, may be nil
}

// message is a digest as people see it.
type message struct {
	id    string
	text  string // its headline
	cards string // what stands below, as JSON
}

func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	w := &workspace{}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

// ServeHTTP answers chat.postMessage.
func (w *workspace) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	var metadata struct {
		Payload struct {
			ID string `json:"id"`
		} `json:"event_payload"`
	}
	if err := json.Unmarshal([]byte(r.FormValue("metadata")), &metadata); err != nil || r.URL.Path != "/chat.postMessage" {
		http.Error(out, `{"ok":false,"error":"invalid_arguments"}`, http.StatusOK)
		return
	}
	w.mu.Lock()
	w.posted = append(w.posted, message{id: metadata.Payload.ID, text: r.FormValue("text"), cards: r.FormValue("attachments")})
	received := w.received
	w.mu.Unlock()
	if received != nil {
		received()
		return
	}
	_, _ = fmt.Fprintf(out, `{"ok":true,"channel":"C1","ts":"%d.0001"}`, len(w.messages()))
}

func (w *workspace) messages() []message {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]message(nil), w.posted...)
}

func (w *workspace) onReceived(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.received = do
}

var (
	many = regexp.MustCompile(`^hour: ([\d,]+) events? in \d+ groups, `)
	one  = regexp.MustCompile(` · ([\d,]+) times$`)
)

// count is the total that the headline tells.
func (m message) count(t *testing.T) int {
	t.Helper()
	found := many.FindStringSubmatch(m.text)
	if found == nil {
		found = one.FindStringSubmatch(m.text)
	}
	require.NotNil(t, found, "headline %q", m.text)
	n, err := strconv.Atoi(strings.ReplaceAll(found[1], ",", ""))
	require.NoError(t, err)
	return n
}
