package source_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app/cluster"
	"github.com/packetboat/packetboat/state"
)

func open(t *testing.T, c *local.Cluster, user local.User, o source.Options, wrap func(http.RoundTripper) http.RoundTripper) *source.Source {
	t.Helper()
	o.Meter = &source.Meter{}
	client, err := cluster.New(cluster.Config{
		Kubeconfig: c.Kubeconfig(user),
		Wrap: func(rt http.RoundTripper) http.RoundTripper {
			if wrap != nil {
				rt = wrap(rt)
			}
			return o.Meter.Wrap(rt)
		},
	})
	require.NoError(t, err)
	o.REST = client
	return source.New(o)
}

// read collects what is newer than from; it checks the promises of every page.
func read(t *testing.T, s *source.Source, from state.Cursor) (map[string]*event.Event, state.Cursor) {
	t.Helper()
	got := map[string]*event.Event{}
	last := from
	for page, err := range s.Since(t.Context(), from) {
		require.NoError(t, err)
		for _, ev := range page.Events {
			require.Truef(t, newer(ev.ResourceVersion, last.ResourceVersion), "%s after %s", ev.ResourceVersion, last.ResourceVersion)
			last.ResourceVersion = ev.ResourceVersion
			require.NotContains(t, got, ev.ID())
			got[ev.ID()] = ev
		}
		last = page.Next
	}
	return got, last
}

func newer(a, b string) bool { return len(a) > len(b) || len(a) == len(b) && a > b || b == "0" }

func TestSinceOnARealServer(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	written := localtest.WriteEvents(t, c, "one", 300)
	s := open(t, c, local.Admin, source.Options{Chunk: 70, PageEvents: 50, Memory: 64 << 10}, nil)

	position, err := s.Position(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(300), position.Retained)
	assert.NotEmpty(t, position.Cluster)
	assert.WithinDuration(t, time.Now(), position.Cursor.ReadAt, time.Minute)

	got, cursor := read(t, s, state.Cursor{ResourceVersion: "0"})
	require.Len(t, got, 300)
	for _, w := range written {
		require.Contains(t, got, w.UID+"."+w.ResourceVersion)
	}

	t.Run("updates and new ones only", func(t *testing.T) {
		more := localtest.WriteEvents(t, c, "two", 50)
		updated := localtest.UpdateEvents(t, c, written[:20])
		got, next := read(t, s, cursor)
		require.Len(t, got, 70)
		for _, w := range append(more, updated...) {
			require.Contains(t, got, w.UID+"."+w.ResourceVersion)
		}
		again, _ := read(t, s, next)
		require.Empty(t, again)
		cursor = next
	})
	t.Run("namespaces are read at one version", func(t *testing.T) {
		s := open(t, c, local.Admin, source.Options{Namespaces: []string{"one", "two"}, Chunk: 70}, nil)
		got, next := read(t, s, state.Cursor{ResourceVersion: "0"})
		require.Len(t, got, 350)
		require.Equal(t, cursor.ResourceVersion, next.ResourceVersion)
	})
	t.Run("excluded namespaces", func(t *testing.T) {
		s := open(t, c, local.Admin, source.Options{ExcludeNamespaces: []string{"one"}}, nil)
		got, _ := read(t, s, state.Cursor{ResourceVersion: "0"})
		require.Len(t, got, 50)
	})
	t.Run("a forbidden list names verb and resource", func(t *testing.T) {
		s := open(t, c, local.Nobody, source.Options{}, nil)
		_, err := s.Position(t.Context())
		require.True(t, apierrors.IsForbidden(err))
		require.ErrorContains(t, err, `cannot list resource "events"`)
	})
	t.Run("a connection that breaks in mid-page is asked again", func(t *testing.T) {
		var broken atomic.Int64
		s := open(t, c, local.Admin, source.Options{Chunk: 200}, func(rt http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				resp, err := rt.RoundTrip(req)
				if err == nil && broken.Add(1)%2 == 1 {
					resp.Body = &cutBody{resp.Body, 40_000}
				}
				return resp, err
			})
		})
		got, _ := read(t, s, state.Cursor{ResourceVersion: "0"})
		require.Len(t, got, 350)
		require.Greater(t, broken.Load(), int64(2))
	})
	t.Run("a cancelled read ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, err := range s.Since(ctx, state.Cursor{ResourceVersion: "0"}) {
			require.ErrorIs(t, err, context.Canceled)
		}
	})
}

// TestCompactedInMidList: the list token expires between two pages.
func TestCompactedInMidList(t *testing.T) {
	c := localtest.Start(t, local.Options{CompactionInterval: time.Second})
	written := localtest.WriteEvents(t, c, "one", 60)
	var once atomic.Bool
	wait := func(rt http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.RawQuery, "continue=") && once.CompareAndSwap(false, true) {
				// Two compactions after a write make the token's version go.
				localtest.UpdateEvents(t, c, written[30:40])
				waitForGone(t, c, req.URL.RawQuery)
			}
			return rt.RoundTrip(req)
		})
	}
	s := open(t, c, local.Admin, source.Options{Chunk: 10}, wait)
	got, cursor := read(t, s, state.Cursor{ResourceVersion: "0"})
	// The ten were updated after the snapshot: the next read brings them.
	require.Len(t, got, 50)
	rest, _ := read(t, s, cursor)
	require.Len(t, rest, 10)
	for id := range rest {
		require.NotContains(t, got, id)
	}
}

func waitForGone(t *testing.T, c *local.Cluster, query string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := c.Client().Do(t.Context(), http.MethodGet, "/api/v1/events?"+query, "", nil)
		return err != nil && strings.Contains(err.Error(), "410")
	}, time.Minute, 200*time.Millisecond)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// cutBody breaks after some bytes, as a connection does.
type cutBody struct {
	io.ReadCloser
	left int
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("connection reset")
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
