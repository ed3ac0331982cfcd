package cluster

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// sky is a cloud with one cluster, whose API server takes the tokens of sky that
// are good. All times are those of its clock.
type sky struct {
	mu      sync.Mutex
	clock   time.Time
	server  *httptest.Server
	finds   int
	tokens  int
	forgets int
	fails   error  // find and token
	refuses string // a token that the cluster does not take, "all" for any
	bodies  []string
	waiting chan struct{} // a find waits until it is closed
}

const skyLife = 10 * time.Minute

func newSky(t *testing.T) (*sky, *rest.Config) {
	t.Helper()
	s := &sky{clock: time.Now()}
	s.server = httptest.NewTLSServer(s)
	t.Cleanup(func() { s.server.Close() })
	return s, fromOutside(s, s.now)
}

func (s *sky) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

func (s *sky) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(d)
}

func (s *sky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	s.bodies = append(s.bodies, string(body))
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	var n, until int64
	_, err := fmt.Sscanf(token, "token-%d-%d", &n, &until)
	if err != nil || !s.clock.Before(time.Unix(until, 0)) || s.refuses == "all" || s.refuses == token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_, _ = io.WriteString(w, token)
}

func (s *sky) find(ctx context.Context) (place, error) {
	if s.waiting != nil {
		select {
		case <-s.waiting:
		case <-ctx.Done():
			return place{}, context.Cause(ctx)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finds++
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
	return place{server: s.server.URL, ca: ca}, s.fails
}

func (s *sky) token(context.Context) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens++
	until := s.clock.Add(skyLife)
	return fmt.Sprintf("token-%d-%d", s.tokens, until.Unix()), until.Add(-time.Minute), s.fails
}

func (s *sky) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgets++
}

func (s *sky) refused() string { return "it needs an entry" }

// ask makes one request, and gives the token that was taken.
func ask(t *testing.T, ctx context.Context, way *rest.Config) (string, error) { //nolint:revive // t first, as everywhere
	t.Helper()
	client, err := rest.HTTPClientFor(way)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, way.Host+"/api", strings.NewReader("body"))
	require.NoError(t, err)
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return strings.Split(string(body)+"-", "-")[1], nil
}

func TestNothingIsAskedBeforeTheFirstRequestAndThenOnceForAll(t *testing.T) {
	s, way := newSky(t)
	assert.Zero(t, s.finds+s.tokens)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			_, err := ask(t, t.Context(), way)
			assert.NoError(t, err)
		})
	}
	wait.Wait()
	assert.Equal(t, []int{1, 1}, []int{s.finds, s.tokens})
}

func TestTokensAreRenewedInTime(t *testing.T) {
	s, way := newSky(t)
	for _, step := range []struct {
		pass time.Duration
		want string
	}{
		{0, "1"},
		{8 * time.Minute, "1"},
		{59 * time.Second, "1"},
		{time.Second, "2"},     // a minute before it ends
		{3 * time.Hour, "3"},   // a frozen function wakes up
		{-24 * time.Hour, "4"}, // the clock was ahead
	} {
		s.pass(step.pass)
		token, err := ask(t, t.Context(), way)
		require.NoError(t, err)
		assert.Equal(t, step.want, token, step.pass)
	}
	assert.Len(t, s.bodies, 6, "none was refused")
}

// A monotonic clock stands still while a function is frozen: what it says is not believed.
func TestTheClockOnTheWallCounts(t *testing.T) {
	start := time.Now()
	clock := start
	k := keep[int](func() time.Time { return clock })
	made := 0
	anew := func(context.Context) (int, time.Time, error) { made++; return made, clock.Add(time.Minute), nil }
	_, _, err := k.get(t.Context(), anew)
	require.NoError(t, err)
	// A reading with the old monotonic part and a new wall clock cannot be made here; that both ends of the comparison
	// have none is what makes it one of wall clocks.
	assert.NotContains(t, k.at.String(), "m=")
	assert.NotContains(t, k.until.String(), "m=")
}

func TestARefusedTokenIsRenewedAndTheRequestRepeated(t *testing.T) {
	s, way := newSky(t)
	_, err := ask(t, t.Context(), way)
	require.NoError(t, err)
	s.refuses = fmt.Sprintf("token-1-%d", s.clock.Add(skyLife).Unix())
	token, err := ask(t, t.Context(), way)
	require.NoError(t, err)
	assert.Equal(t, "2", token)
	assert.Equal(t, []string{"body", "body", "body"}, s.bodies, "with its body")
	assert.Equal(t, 1, s.forgets)
}

func TestAClusterThatTakesNoTokenSaysWhatIsMissing(t *testing.T) {
	s, way := newSky(t)
	s.refuses = "all"
	_, err := ask(t, t.Context(), way)
	require.ErrorContains(t, err, "the cluster answers 401 Unauthorized to a new token too: it needs an entry")
	assert.NotContains(t, err.Error(), "token-")
	var final *backoff.PermanentError
	require.ErrorAs(t, err, &final, "the source does not try again")
	assert.Len(t, s.bodies, 2)
}

func TestAClusterThatHasMovedIsFoundAgain(t *testing.T) {
	s, way := newSky(t)
	_, err := ask(t, t.Context(), way)
	require.NoError(t, err)

	// With a new certificate and address.
	s.server.Close()
	s.server = httptest.NewTLSServer(s)
	_, err = ask(t, t.Context(), way)
	require.Error(t, err)
	_, err = ask(t, t.Context(), way)
	require.Error(t, err)
	assert.Equal(t, 1, s.finds, "an API server that restarts is not looked for")
	s.pass(time.Minute)
	_, err = ask(t, t.Context(), way)
	require.Error(t, err, "this one finds out")
	_, err = ask(t, t.Context(), way)
	require.NoError(t, err)
	assert.Equal(t, 2, s.finds)
}

func TestThePlaceIsAskedForEveryHourAndKeptWhileTheCloudIsAway(t *testing.T) {
	s, way := newSky(t)
	_, err := ask(t, t.Context(), way)
	require.NoError(t, err)
	o := way.Transport.(*outside)
	s.pass(time.Hour)
	s.fails = errors.New("the cloud is away")
	for range 3 {
		_, _, err = o.place.get(t.Context(), o.find)
		require.NoError(t, err)
	}
	assert.Equal(t, 2, s.finds, "the old place will do, and the cloud is not asked all the time")
	s.fails = nil
	s.pass(2 * time.Minute)
	_, err = ask(t, t.Context(), way)
	require.NoError(t, err)
	assert.Equal(t, 3, s.finds)
}

func TestAFailureIsNotKept(t *testing.T) {
	s, way := newSky(t)
	s.fails = misconfigured(errors.New("no such cluster"))
	_, err := ask(t, t.Context(), way)
	require.ErrorContains(t, err, "find the cluster: wrong configuration: no such cluster")
	require.ErrorIs(t, err, ErrMisconfigured)
	s.fails = nil
	_, err = ask(t, t.Context(), way)
	require.NoError(t, err)
}

// Whoever gives up neither waits for the others nor takes the answer from them.
func TestACallerThatGivesUp(t *testing.T) {
	s, way := newSky(t)
	s.waiting = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	var gaveUp, wait sync.WaitGroup
	for range 5 {
		gaveUp.Go(func() {
			_, err := ask(t, ctx, way)
			assert.ErrorIs(t, err, context.Canceled)
		})
	}
	var got atomic.Int32
	for range 5 {
		wait.Go(func() {
			_, err := ask(t, t.Context(), way)
			if assert.NoError(t, err) {
				got.Add(1)
			}
		})
	}
	cancel()
	gaveUp.Wait()
	close(s.waiting)
	wait.Wait()
	assert.EqualValues(t, 5, got.Load())
	assert.Equal(t, 1, s.finds)
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	s, way := newSky(t)
	o := way.Transport.(*outside)
	o.CloseIdleConnections() // there is nothing yet
	_, err := ask(t, t.Context(), way)
	require.NoError(t, err)
	o.CloseIdleConnections()
	s.server.Close() // would wait for one that is open
}
