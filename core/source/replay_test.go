package source_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/state"
)

func marker() *source.Marker {
	return &source.Marker{
		Namespace: "default", Name: "packetboat-test",
		About: corev1.ObjectReference{APIVersion: "v1", Kind: "ConfigMap", Name: "checkpoint"},
	}
}

// result is one read, page by page.
type result struct {
	ids    map[string]bool
	next   state.Cursor
	how    []string // as it changed
	notice *source.Notice
}

func readAll(t *testing.T, s *source.Source, from state.Cursor) result {
	t.Helper()
	r := result{ids: map[string]bool{}, next: from}
	for page, err := range s.Since(t.Context(), from) {
		require.NoError(t, err)
		if page.Notice != nil {
			r.notice = page.Notice
		}
		if page.Notice != nil && page.Notice.Reset {
			require.Equal(t, state.Cursor{ResourceVersion: "0"}, page.Next, "a time would bound the age of what is owed")
		}
		if n := len(r.how); n == 0 || r.how[n-1] != page.Read {
			r.how = append(r.how, page.Read)
		}
		if page.Notice == nil || !page.Notice.Reset {
			require.False(t, newer(r.next.ResourceVersion, page.Next.ResourceVersion), "cursor went back")
		}
		last := r.next.ResourceVersion
		for _, ev := range page.Events {
			require.True(t, newer(ev.ResourceVersion, last) || last == "0" || page.Read == source.Windows)
			last = ev.ResourceVersion
			require.NotEqual(t, "packetboat-test", ev.Name, "the marker is not exported")
			r.ids[ev.ID()] = true
		}
		r.next = page.Next
	}
	return r
}

func TestReplay(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	old := localtest.WriteEvents(t, c, "one", 400)
	open := func(user local.User, m *source.Marker) *source.Source {
		return open(t, c, user, source.Options{PageEvents: 30, Marker: m, Quiet: 300 * time.Millisecond}, nil)
	}
	first := readAll(t, open(local.Admin, marker()), state.Cursor{ResourceVersion: "0"})
	require.Equal(t, []string{source.Windows}, first.how)
	require.Len(t, first.ids, 400)
	require.NotEmpty(t, first.next.Marker)

	fresh := localtest.WriteEvents(t, c, "two", 40)
	updated := localtest.UpdateEvents(t, c, old[:10])
	twice := localtest.UpdateEvents(t, c, updated[:5])

	t.Run("with a marker", func(t *testing.T) {
		r := readAll(t, open(local.Admin, marker()), first.next)
		assert.Equal(t, []string{source.Replay}, r.how)
		assert.Len(t, r.ids, 55, "every version of every event")
		for _, ev := range append(append(fresh, updated...), twice...) {
			assert.Contains(t, r.ids, ev.UID+"."+ev.ResourceVersion)
		}
		assert.Equal(t, r.next.Marker, r.next.ResourceVersion)
		assert.Nil(t, r.notice)

		again := readAll(t, open(local.Admin, marker()), r.next)
		assert.Empty(t, again.ids)
		assert.Nil(t, again.notice)
	})
	t.Run("without the right to write one", func(t *testing.T) {
		grantRead(t, c, local.Viewer)
		r := readAll(t, open(local.Viewer, marker()), first.next)
		assert.Equal(t, []string{source.Replay}, r.how)
		assert.Len(t, r.ids, 55)
		assert.Equal(t, first.next.Marker, r.next.Marker)
	})
	t.Run("with the marker off", func(t *testing.T) {
		r := readAll(t, open(local.Admin, nil), first.next)
		assert.Equal(t, []string{source.Replay}, r.how)
		assert.Len(t, r.ids, 55)
	})
	t.Run("a run that died after its marker is no rewritten history", func(t *testing.T) {
		for range 3 {
			r := readAll(t, open(local.Admin, marker()), first.next) // and never committed
			assert.Nil(t, r.notice)
			assert.Equal(t, []string{source.Replay}, r.how)
		}
	})
	t.Run("a deleted marker is told", func(t *testing.T) {
		now := readAll(t, open(local.Admin, marker()), first.next)
		_, err := c.Client().Do(t.Context(), http.MethodDelete, "/api/v1/namespaces/default/events/packetboat-test", "", nil)
		require.NoError(t, err)
		requireErrorIfMarkersCannotBeListed(t, c, now.next)
		r := readAll(t, open(local.Admin, marker()), now.next)
		require.NotNil(t, r.notice)
		assert.True(t, r.notice.Reset)
		assert.Len(t, r.ids, 440)
		assert.Equal(t, []string{source.Windows}, r.how)
	})
	t.Run("most of it new is read by windows", func(t *testing.T) {
		from := state.Cursor{ResourceVersion: "2", ReadAt: time.Now().Add(-50 * time.Minute)}
		s := openWith(t, c, source.Options{Chunk: 100})
		assert.Equal(t, []string{source.Windows}, readAll(t, s, from).how)
	})
}

// requireErrorIfMarkersCannotBeListed: not to know where the marker is must not
// look like a history that was rewritten, which would send everything again.
func requireErrorIfMarkersCannotBeListed(t *testing.T, c *local.Cluster, from state.Cursor) {
	t.Helper()
	broken := func(rt http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.RawQuery, "fieldSelector=reason") {
				return nil, errors.New("no route to host")
			}
			return rt.RoundTrip(req)
		})
	}
	s := open(t, c, local.Admin, source.Options{Marker: marker(), RetryBudget: 100 * time.Millisecond}, broken)
	for page, err := range s.Since(t.Context(), from) {
		require.ErrorContains(t, err, "look for the marker")
		require.Empty(t, page)
	}
}

func openWith(t *testing.T, c *local.Cluster, o source.Options) *source.Source {
	return open(t, c, local.Admin, o, nil)
}

// grantRead lets a user list and watch events.
func grantRead(t *testing.T, c *local.Cluster, user local.User) {
	t.Helper()
	require.NoError(t, c.Client().Apply(t.Context(), "/apis/rbac.authorization.k8s.io/v1/clusterroles/read-events", map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": "read-events"},
		"rules": []any{map[string]any{"apiGroups": []string{""}, "resources": []string{"events"}, "verbs": []string{"get", "list", "watch"}}},
	}))
	require.NoError(t, c.Client().Apply(t.Context(), "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/read-events", map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": map[string]any{"name": "read-events"},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "read-events"},
		"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": string(user)}},
	}))
}

// waitForCompaction returns when a watch from before ev cannot succeed any more.
func waitForCompaction(t *testing.T, c *local.Cluster, ev load.Event) {
	t.Helper()
	waitForGone(t, c, "resourceVersionMatch=Exact&resourceVersion="+ev.ResourceVersion)
}

// TestCompactedWhileStopped: the watch answers 410 and the same read goes on by
// windows.
func TestCompactedWhileStopped(t *testing.T) {
	c := localtest.Start(t, local.Options{CompactionInterval: time.Second})
	localtest.WriteEvents(t, c, "one", 50)
	s := openWith(t, c, source.Options{Marker: marker()})
	first := readAll(t, s, state.Cursor{ResourceVersion: "0"})
	fresh := localtest.WriteEvents(t, c, "one", 20)
	waitForCompaction(t, c, fresh[10])

	counted := metrics.Discard().Source
	r := readAll(t, openWith(t, c, source.Options{Marker: marker(), Metrics: counted}), first.next)
	assert.InDelta(t, 1, testutil.ToFloat64(counted.Compactions), 0)
	assert.Greater(t, testutil.ToFloat64(counted.Requests), 3.0)
	assert.Greater(t, testutil.ToFloat64(counted.Bytes), 1000.0)
	assert.Equal(t, []string{source.Windows}, r.how[len(r.how)-1:])
	assert.Len(t, r.ids, 20)
	assert.Nil(t, r.notice, "nothing expired, so there is no gap")
}

// TestRestoredEtcd: a cluster is put back to a snapshot. Looked at at once, its
// version is lower than the cursor; looked at later, the new history has passed
// the cursor, and only the marker tells.
func TestRestoredEtcd(t *testing.T) {
	for name, passed := range map[string]bool{"looked at at once": false, "after the new history passed the cursor": true} {
		t.Run(name, func(t *testing.T) {
			c := localtest.Start(t, local.Options{})
			before := localtest.WriteEvents(t, c, "one", 30)
			s := openWith(t, c, source.Options{Marker: marker()})
			readAll(t, s, state.Cursor{ResourceVersion: "0"})
			snapshot := filepath.Join(t.TempDir(), "snapshot")
			require.NoError(t, c.Snapshot(t.Context(), snapshot))

			localtest.WriteEvents(t, c, "one", 40)
			second := readAll(t, openWith(t, c, source.Options{Marker: marker()}), state.Cursor{ResourceVersion: "0"})
			require.NoError(t, c.Restore(t.Context(), snapshot))
			after := localtest.WriteEvents(t, c, "one", 10)
			if passed {
				after = append(after, localtest.WriteEvents(t, c, "one", 200)...)
			}
			r := readAll(t, openWith(t, c, source.Options{Marker: marker()}), second.next)
			require.NotNil(t, r.notice)
			assert.True(t, r.notice.Reset)
			for _, ev := range append(before, after...) {
				assert.Contains(t, r.ids, ev.UID+"."+ev.ResourceVersion, "everything retained, under the same IDs")
			}
			again := readAll(t, openWith(t, c, source.Options{Marker: marker()}), r.next)
			assert.Nil(t, again.notice, "it is told once")
			assert.Empty(t, again.ids)
		})
	}
}

// TestEventsExpiredWhileStopped: a gap longer than the events' time to live.
func TestEventsExpiredWhileStopped(t *testing.T) {
	c := localtest.Start(t, local.Options{CompactionInterval: time.Second})
	localtest.WriteEvents(t, c, "one", 5)
	first := readAll(t, openWith(t, c, source.Options{}), state.Cursor{ResourceVersion: "0"})
	first.next.ReadAt = first.next.ReadAt.Add(-3 * time.Hour)
	fresh := localtest.WriteEvents(t, c, "one", 5)
	waitForCompaction(t, c, fresh[4])
	r := readAll(t, openWith(t, c, source.Options{EventTTL: time.Hour}), first.next)
	require.NotNil(t, r.notice)
	assert.False(t, r.notice.Reset)
	assert.Equal(t, first.next.ReadAt.Format(time.RFC3339), r.notice.From)
	assert.Len(t, r.ids, 5)

	// The server's clock counts, and not the age of the first page's events.
	ahead := func(rt http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := rt.RoundTrip(req)
			if err == nil {
				resp.Header.Set("Date", time.Now().Add(59*time.Minute).UTC().Format(http.TimeFormat))
			}
			return resp, err
		})
	}
	first.next.ReadAt = time.Now().Add(-31 * time.Minute)
	s := open(t, c, local.Admin, source.Options{EventTTL: time.Hour, PageEvents: 2}, ahead)
	assert.NotNil(t, readAll(t, s, first.next).notice, "an hour and a half went by")
}
