package slack

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

// forum is a Slack that keeps what was a reply to what.
type forum struct {
	replies []string // thread_ts, "" for a message of its own
	posted  int
	deleted string // a reply to this one stands on its own
	gone    string // a reply to this one is refused
}

func (f *forum) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to := r.PostFormValue("thread_ts")
	if to != "" && to == f.gone {
		_, _ = fmt.Fprint(w, `{"ok":false,"error":"thread_not_found"}`)
		return
	}
	f.replies = append(f.replies, to)
	f.posted++
	inThread := to
	if to == f.deleted {
		inThread = ""
	}
	_, _ = fmt.Fprintf(w, `{"ok":true,"channel":"C1","ts":"ts%d","message":{"thread_ts":%q}}`, f.posted, inThread)
}

func about(uid types.UID) *event.Event {
	ev := event.Sample()
	ev.InvolvedObject.UID = uid
	return ev
}

func TestThreads_DS31(t *testing.T) {
	f := &forum{}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	s, err := sinktest.Open(t, Kind, "{token: xoxb-test, channel: '#{{ .Namespace }}', thread: object, apiURL: '"+server.URL+"'}")
	require.NoError(t, err)
	post := func(ev *event.Event) error {
		r, err := s.Encode(ev)
		require.NoError(t, err)
		return s.Send(t.Context(), []sinks.Record{r})
	}
	for _, uid := range []types.UID{"a", "b", "a", "a", "b"} {
		require.NoError(t, post(about(uid)))
	}
	other := about("a")
	other.Namespace = "other"
	require.NoError(t, post(other))
	assert.Equal(t, []string{"", "", "ts1", "ts1", "ts2", ""}, f.replies, "one conversation for each object and channel")

	f.replies, f.deleted = nil, "ts1"
	require.NoError(t, post(about("a"))) // is ts7, and stands on its own
	f.deleted = ""
	require.NoError(t, post(about("a")))
	assert.Equal(t, []string{"ts1", "ts7"}, f.replies)

	f.replies, f.gone = nil, "ts2"
	err = post(about("b"))
	require.ErrorContains(t, err, "thread_not_found")
	assert.Equal(t, "transient", verdict(err))
	require.NoError(t, post(about("b")))
	assert.Equal(t, []string{""}, f.replies, "the next attempt begins anew")

	f.replies = nil
	digest, err := s.(sinks.Digester).EncodeDigest(&sinks.Digest{ID: "d", Newest: about("a"), MoreGroups: 1})
	require.NoError(t, err)
	require.NoError(t, s.Send(t.Context(), []sinks.Record{digest}))
	assert.Equal(t, []string{""}, f.replies, "a digest is about many")
}
