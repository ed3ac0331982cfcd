package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/entrypoints/app/secrets"
)

// moving is a clock that tests move.
type moving struct {
	mu sync.Mutex
	at time.Time
}

func (m *moving) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

func (m *moving) move(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = m.at.Add(d)
}

// warm is a Function with a clock that can be moved, opened once.
func warm(t *testing.T, p *places) (*Function, *moving) {
	t.Helper()
	clock := &moving{at: time.Unix(1e9, 0)}
	f := NewFunction(FunctionOptions{Stderr: io.Discard})
	require.NoError(t, f.open(t.Context()))
	f.outside.now = clock.now
	f.outside.secrets = secrets.New(secrets.Options{Now: clock.now, SecretManager: p.url})
	f.app.basis.asked = clock.now()
	return f, clock
}

// password opens the Function, as an invocation does, and is what its only secret is.
func password(t *testing.T, f *Function) string {
	t.Helper()
	require.NoError(t, f.open(t.Context()))
	require.NoError(t, f.app.resolve(t.Context()))
	return f.app.basis.values["receivers[0].webhook.password"].Reveal()
}

const oneSecret = `
route: {match: [{receiver: a}]}
receivers: [{name: a, webhook: {endpoint: "http://127.0.0.1:1", username: u, password: "awssm:prod/slack#token"}}]
secrets: {ttl: 10m}
`

func TestAWarmFunctionAsksAgainAfterTheTTL(t *testing.T) {
	p := startPlaces(t)
	t.Setenv(EnvInline, oneSecret)
	f, clock := warm(t, p)
	assert.Equal(t, "canary-aws", password(t, f))
	first := f.app
	for range 3 {
		assert.Equal(t, "canary-aws", password(t, f))
	}
	assert.Equal(t, 1, p.calls(), "warm invocations do not ask again")

	clock.move(10 * time.Minute)
	password(t, f)
	assert.Equal(t, 2, p.calls())
	assert.Same(t, first, f.app, "what has not changed is kept, and with it the clients")

	p.rotate("rotated")
	clock.move(10*time.Minute - 1)
	assert.Equal(t, "canary-aws", password(t, f))
	clock.move(1)
	assert.Equal(t, "rotated", password(t, f))
	assert.NotSame(t, first, f.app)
	assert.Equal(t, 3, p.calls(), "what was asked to find the change is used by the next App")
}

func TestAWarmFunctionAsksAgainAfterARefusal(t *testing.T) {
	p := startPlaces(t)
	deaf := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(deaf.Close)
	p.write(t, "kubeconfig", strings.ReplaceAll(kubeconfigOf, "@URL@", deaf.URL))
	t.Setenv(EnvKubeconfig, p.kubeconfig)
	t.Setenv(EnvInline, oneSecret+"checkpoint: {file: {path: "+p.dir+"/checkpoint.json}}\n")
	f, _ := warm(t, p)
	assert.Equal(t, "canary-aws", password(t, f))
	p.rotate("rotated")
	_, err := f.Invoke(t.Context(), nil)
	require.Error(t, err)
	assert.Equal(t, "rotated", password(t, f))
}

const kubeconfigOf = `
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c}}]
clusters: [{name: c, cluster: {server: "@URL@"}}]
`

func TestAWarmFunctionReadsItsConfigurationAgain(t *testing.T) {
	p := startPlaces(t)
	var mu sync.Mutex
	status, text := 200, oneSecret
	bucket := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(bucket.Close)
	answer := func(s int, body string) {
		mu.Lock()
		defer mu.Unlock()
		status, text = s, body
	}
	t.Setenv("STORAGE_EMULATOR_HOST", bucket.URL)
	t.Setenv(EnvConfig, "gs://boats/config.yaml")
	f, clock := warm(t, p)
	first := f.app
	answer(200, "clusterName: other"+oneSecret)
	require.NoError(t, f.open(t.Context()))
	assert.Same(t, first, f.app)
	clock.move(10 * time.Minute)
	require.NoError(t, f.open(t.Context()))
	assert.Equal(t, "other", f.app.Config.ClusterName)

	second := f.app
	answer(503, "")
	clock.move(10 * time.Minute)
	require.NoError(t, f.open(t.Context()), "what cannot be read for now is used on")
	assert.Same(t, second, f.app)

	answer(200, "route: [")
	clock.move(10 * time.Minute)
	err := f.open(t.Context())
	require.ErrorContains(t, err, "gs://boats/config.yaml:1: not valid YAML")
	assert.Equal(t, ExitUsage, ExitCode(err))
	answer(404, "")
	require.ErrorContains(t, f.open(t.Context()), "read configuration gs://boats/config.yaml: does not exist")
	answer(200, oneSecret)
	require.NoError(t, f.open(t.Context()), "it is mended with the next invocation")
}

func TestWhereTheConfigurationIs(t *testing.T) {
	for _, test := range []struct{ flag, file, inline, want, fails string }{
		{"", "", "", "", "no configuration named: use --config FILE, PACKETBOAT_CONFIG_FILE or PACKETBOAT_CONFIG"},
		{"", "", simple, "env:PACKETBOAT_CONFIG", ""},
		{"", "env:ELSEWHERE", "", "env:ELSEWHERE", ""},
		{"env:ELSEWHERE", "none.yaml", "route: [", "env:ELSEWHERE", ""},
		{"", "env:ELSEWHERE", simple, "", "PACKETBOAT_CONFIG_FILE and PACKETBOAT_CONFIG are both set: remove one of them"},
		{"s3://boats", "", "", "", "s3://boats: want s3://BUCKET/KEY"},
		{"env:NOT_SET", "", "", "", "read configuration env:NOT_SET: variable NOT_SET is not set"},
	} {
		t.Setenv(EnvConfig, test.file)
		t.Setenv(EnvInline, test.inline)
		t.Setenv("ELSEWHERE", simple)
		a, err := New(t.Context(), Options{ConfigFile: test.flag})
		if test.fails != "" {
			require.EqualError(t, err, test.fails)
			assert.Equal(t, ExitUsage, ExitCode(err))
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, test.want, a.ConfigFile)
		assert.Equal(t, test.want, a.Config.File)
	}
}

// A configuration that does not come is given up in time to answer.
func TestTheTimeOfAnInvocationBoundsTheConfigurationToo(t *testing.T) {
	end := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(end) })
	t.Setenv("STORAGE_EMULATOR_HOST", silent.URL)
	t.Setenv(EnvConfig, "gs://boats/config.yaml")
	_, err := NewFunction(FunctionOptions{Stderr: io.Discard}).Invoke(t.Context(), []byte(`{"deadline": "100ms"}`))
	require.EqualError(t, err, "read configuration gs://boats/config.yaml: context deadline exceeded")
	assert.Equal(t, ExitOwed, ExitCode(err))
}

// bomb is a log that panics once.
type bomb struct{ gone bool }

func (b *bomb) Write(p []byte) (int, error) {
	if !b.gone {
		b.gone = true
		panic("boom")
	}
	return len(p), nil
}

func TestAPanicLeavesNothingToTheNextInvocation(t *testing.T) {
	t.Setenv(EnvInline, simple)
	f := NewFunction(FunctionOptions{Stderr: &bomb{}})
	f.Warm()
	require.NotNil(t, f.app)
	assert.Panics(t, func() { _, _ = f.Invoke(t.Context(), nil) })
	assert.Nil(t, f.app)
	_, err := f.Invoke(t.Context(), nil)
	require.ErrorContains(t, err, "no checkpoint named")
}

// A frozen process wakes up with a monotonic clock that has stood still, and a
// clock that was set back says nothing about how long ago anything was.
func TestAClockThatWasSetBackMakesAWarmFunctionAskAgain(t *testing.T) {
	p := startPlaces(t)
	t.Setenv(EnvInline, oneSecret)
	f, clock := warm(t, p)
	password(t, f)
	clock.move(-time.Hour)
	password(t, f)
	assert.Equal(t, 2, p.calls())
	assert.NotContains(t, onTheWall().String(), "m=", "it has no monotonic part")
}
