package source_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/state"
)

// following is a Follow whose pages a test looks at while it goes on.
type following struct {
	mu    sync.Mutex
	ids   map[string]bool
	next  state.Cursor
	pages int
	err   error
	end   context.CancelFunc
	done  chan struct{}
	gate  chan struct{} // a page is taken only when it can be received from, unless nil
}

func follow(t *testing.T, s *source.Source, from state.Cursor, gate chan struct{}) *following {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	f := &following{ids: map[string]bool{}, next: from, end: end, done: make(chan struct{}), gate: gate}
	go func() {
		defer close(f.done)
		for page, err := range s.Follow(ctx, from) {
			if f.gate != nil {
				<-f.gate
			}
			f.take(t, page, err)
		}
	}()
	t.Cleanup(func() {
		end()
		<-f.done
	})
	return f
}

func (f *following) take(t *testing.T, page source.Page, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err = err; err != nil {
		return
	}
	f.pages++
	assert.False(t, newer(f.next.ResourceVersion, page.Next.ResourceVersion), "the cursor went back")
	for _, ev := range page.Events {
		assert.NotEqual(t, "packetboat-test", ev.Name, "the marker is not exported")
		f.ids[ev.ID()] = true
	}
	f.next = page.Next
}

func (f *following) has(events []load.Event) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ev := range events {
		if !f.ids[ev.UID+"."+ev.ResourceVersion] {
			return false
		}
	}
	return true
}

func (f *following) cursor() state.Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next
}

func requireSoon(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, time.Minute, 20*time.Millisecond)
}

func TestFollow(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	old := localtest.WriteEvents(t, c, "one", 100)
	s := openWith(t, c, source.Options{Marker: marker(), PageEvents: 30, Heartbeat: 200 * time.Millisecond})
	f := follow(t, s, state.Cursor{ResourceVersion: "0"}, nil)
	requireSoon(t, func() bool { return f.has(old) })

	fresh := localtest.WriteEvents(t, c, "two", 50)
	updated := localtest.UpdateEvents(t, c, old[:10])
	again := localtest.UpdateEvents(t, c, updated[:5])
	requireSoon(t, func() bool { return f.has(fresh) && f.has(updated) && f.has(again) })
	assert.Len(t, f.ids, 165, "every version, and no other")

	t.Run("a heartbeat moves the cursor of a quiet cluster", func(t *testing.T) {
		before, heard := f.cursor(), s.Heard()
		requireSoon(t, func() bool {
			now := f.cursor()
			return newer(now.Marker, before.Marker) && newer(now.ResourceVersion, before.ResourceVersion) && !now.ReadAt.Before(before.ReadAt)
		})
		assert.True(t, s.Heard().After(heard))
	})
	t.Run("what comes while the API server restarts is not missed", func(t *testing.T) {
		c.KillServer(local.APIServer)
		require.NoError(t, c.StartServer(t.Context(), local.APIServer))
		more := localtest.WriteEvents(t, c, "one", 20)
		requireSoon(t, func() bool { return f.has(more) })
	})
	t.Run("another read goes on where it ended", func(t *testing.T) {
		f.end()
		<-f.done
		more := localtest.WriteEvents(t, c, "three", 10)
		r := readAll(t, openWith(t, c, source.Options{Marker: marker()}), f.next)
		assert.Len(t, r.ids, 10)
		assert.True(t, r.ids[more[9].UID+"."+more[9].ResourceVersion])
		assert.Nil(t, r.notice, "the heartbeats are of the same history")
	})
}

// TestFollowIsCompacted: whoever reads does not come back for so long that the
// server has forgotten what the watch has yet to bring.
func TestFollowIsCompacted(t *testing.T) {
	c := localtest.Start(t, local.Options{CompactionInterval: time.Second})
	old := localtest.WriteEvents(t, c, "one", 20)
	var cut atomic.Bool
	s := open(t, c, local.Admin, source.Options{Marker: marker()}, func(rt http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := rt.RoundTrip(req)
			if err == nil && strings.Contains(req.URL.RawQuery, "watch=true") && cut.CompareAndSwap(false, true) {
				resp.Body = &cutBody{resp.Body, 100}
			}
			return resp, err
		})
	})
	gate := make(chan struct{})
	f := follow(t, s, state.Cursor{ResourceVersion: "0"}, gate)
	gate <- struct{}{}
	fresh := localtest.WriteEvents(t, c, "one", 30)
	waitForCompaction(t, c, fresh[20])
	close(gate)
	requireSoon(t, func() bool { return f.has(old) && f.has(fresh) })
}

// TestFollowSeveralNamespaces with one watch, which brings no other.
func TestFollowSeveralNamespaces(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	localtest.WriteEvents(t, c, "one", 5)
	f := follow(t, openWith(t, c, source.Options{Namespaces: []string{"one", "two"}, Marker: marker(), Heartbeat: 100 * time.Millisecond}), state.Cursor{ResourceVersion: "0"}, nil)
	requireSoon(t, func() bool { return len(f.cursor().Marker) > 0 })
	two, three := localtest.WriteEvents(t, c, "two", 5), localtest.WriteEvents(t, c, "three", 5)
	one := localtest.WriteEvents(t, c, "one", 5)
	requireSoon(t, func() bool { return f.has(two) && f.has(one) })
	assert.False(t, f.has(three[:1]))
}

// TestFollowWithoutTheRightToWatch lists now and then.
func TestFollowWithoutTheRightToWatch(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	localtest.WriteEvents(t, c, "one", 5)
	s := open(t, c, local.Admin, source.Options{Marker: marker()}, func(rt http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.RawQuery, "watch=true") {
				return forbidden(req), nil
			}
			return rt.RoundTrip(req)
		})
	})
	f := follow(t, s, state.Cursor{ResourceVersion: "0"}, nil)
	requireSoon(t, func() bool { return f.cursor().ResourceVersion != "0" })
	more := localtest.WriteEvents(t, c, "one", 5)
	requireSoon(t, func() bool { return f.has(more) })
}

// TestAMarkerThatIsHidden by the choice of namespaces is not waited for.
func TestAMarkerThatIsHidden(t *testing.T) {
	c := localtest.Start(t, local.Options{})
	localtest.WriteEvents(t, c, "one", 5)
	o := source.Options{ExcludeNamespaces: []string{"default"}, Marker: marker(), Quiet: 200 * time.Millisecond}
	first := readAll(t, openWith(t, c, o), state.Cursor{ResourceVersion: "0"})
	localtest.WriteEvents(t, c, "one", 5)
	r := readAll(t, openWith(t, c, o), first.next)
	assert.Equal(t, []string{source.Replay}, r.how)
	assert.Len(t, r.ids, 5)
}

func forbidden(req *http.Request) *http.Response {
	body := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`
	return &http.Response{
		StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(body)), ProtoMajor: 1, ProtoMinor: 1,
	}
}
