package cloudfunction

import (
	"context"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/entrypoints/app"
	"github.com/packetboat/packetboat/entrypoints/functiontest"
)

func TestFunction(t *testing.T) {
	binary := functiontest.Build(t)
	cluster := functiontest.Cluster(t)
	var overHTTP *platform
	for _, gcs := range peers.StartGCS(t) {
		overHTTP = &platform{binary: binary, gcs: gcs, target: "Run"}
		t.Run(gcs.Name, func(t *testing.T) { functiontest.Run(t, cluster, overHTTP) })
	}
	awake := functiontest.FrozenInARun(t, cluster, overHTTP)
	byEvent := &platform{binary: binary, gcs: overHTTP.gcs, target: "RunEvent"}

	// What Google's buildpack makes of the archive is what is deployed.
	built := buildpack(t, "")
	for _, target := range []string{"Run", "RunEvent"} {
		p := &platform{binary: built, dir: filepath.Dir(built), gcs: overHTTP.gcs, target: target}
		t.Run("archive "+target, func(t *testing.T) { functiontest.Random(t, cluster, p) })
	}

	t.Run("FrozenForLongerThanItsLease", awake)

	t.Run("two requests at once", func(t *testing.T) {
		w := functiontest.NewWorld(t, cluster, overHTTP, "")
		w.Write(3)
		w.Hook.Delay.Store(int64(time.Second))
		instance := w.Start(time.Minute)
		answers := make(chan functiontest.Answer, 1)
		go func() {
			answer, err := instance.Invoke()
			assert.NoError(t, err)
			answers <- answer
		}()
		<-w.Hook.Arrived
		held := w.Report(instance)
		require.NotNil(t, held.LeaseHeldBy)
		assert.Equal(t, "another invocation of this process", *held.LeaseHeldBy)
		answer := <-answers
		assert.EqualValues(t, 3, answer.Report(t).Receivers["hook"].Delivered)
	})

	t.Run("the caller leaves", func(t *testing.T) {
		w := functiontest.NewWorld(t, cluster, overHTTP, "source: {pageBytes: 1}")
		written := w.Write(10)
		w.Hook.Delay.Store(int64(300 * time.Millisecond))
		instance := w.Start(time.Minute)
		ctx, leave := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := overHTTP.invoke(ctx, instance, "{}")
			gone <- err
		}()
		<-w.Hook.Arrived
		<-w.Hook.Arrived
		leave()
		require.ErrorIs(t, <-gone, context.Canceled)
		for !w.Report(instance).CaughtUp { // the run that was left is still at work
			time.Sleep(50 * time.Millisecond)
		}
		assert.ElementsMatch(t, written, w.Hook.Take(), "what was under way is delivered and committed, and not sent again")
	})

	t.Run("only POST", func(t *testing.T) {
		w := functiontest.NewWorld(t, cluster, overHTTP, "")
		w.Write(1)
		instance := w.Start(time.Minute)
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
			resp := send(t, method, overHTTP.url(instance), nil, "{}")
			assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode, method)
			assert.Equal(t, http.MethodPost, resp.Header.Get("Allow"))
			assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		}
		assert.Empty(t, w.Hook.Take())
	})

	t.Run("CloudEvent", func(t *testing.T) {
		w := functiontest.NewWorld(t, cluster, byEvent, "delivery: {retry: {budget: 100ms, initial: 20ms, max: 50ms}}")
		written := w.Write(4)
		w.Hook.Status.Store(http.StatusInternalServerError)
		instance := w.Start(time.Minute)
		event := messagePublished
		assert.Equal(t, http.StatusInternalServerError, send(t, http.MethodPost, byEvent.url(instance), event, "{}").StatusCode)
		assert.Contains(t, instance.Log(t), `"owed":4`)

		w.Hook.Status.Store(http.StatusOK)
		w.Hook.Take()
		assert.Equal(t, http.StatusOK, send(t, http.MethodPost, byEvent.url(instance), event, "{}").StatusCode)
		assert.ElementsMatch(t, written, w.Hook.Take())
		assert.Contains(t, instance.Log(t), `"severity":"INFO","message":"run ended"`)
	})
}

// TestPayload: over HTTP it is the body, of a CloudEvent what Pub/Sub was given.
func TestPayload(t *testing.T) {
	binary, cluster, gcs := functiontest.Build(t), functiontest.Cluster(t), peers.StartGCS(t)[0]
	t.Run("Pub/Sub", func(t *testing.T) {
		w := functiontest.NewWorld(t, cluster, &platform{binary: binary, gcs: gcs, target: "RunEvent"}, "")
		w.Write(2)
		instance := w.Start(time.Minute)
		for payload, status := range map[string]int{
			`{"dryRun": true}`: http.StatusOK, `{"dryrun": true}`: http.StatusInternalServerError,
		} {
			answer, err := instance.Send(payload)
			require.NoError(t, err)
			assert.Equal(t, status, answer.Status, payload)
		}
		assert.Empty(t, w.Hook.Take())
		assert.Contains(t, instance.Log(t), `"dryRun":true`)

		event := maps.Clone(messagePublished)
		event["Ce-Type"] = []string{"com.example.other"}
		assert.Equal(t, http.StatusOK, send(t, http.MethodPost, "http://"+instance.Address, event, `{"dryRun": true, "message": {"data": 7}}`).StatusCode)
		assert.Len(t, w.Hook.Take(), 2, "the data of another event is nobody's payload")
		assert.Equal(t, http.StatusInternalServerError, send(t, http.MethodPost, "http://"+instance.Address, messagePublished, `{"message": {"data": 7}}`).StatusCode)
	})
	t.Run("HTTP", func(t *testing.T) {
		w := functiontest.NewWorld(t, cluster, &platform{binary: binary, gcs: gcs, target: "Run"}, "")
		instance := w.Start(time.Minute)
		for payload, status := range map[string]int{
			"":                                     http.StatusOK,
			"run":                                  http.StatusOK,
			strings.Repeat("x", app.MaxPayload):    http.StatusOK,
			strings.Repeat("x", app.MaxPayload+1):  http.StatusBadRequest,
			strings.Repeat("x", 8*app.MaxPayload):  http.StatusBadRequest,
			`{"receivers": "hook"}`:                http.StatusBadRequest,
			`{"receivers": ["hook", "elsewhere"]}`: http.StatusBadRequest,
		} {
			answer, err := instance.Send(payload)
			require.NoError(t, err)
			assert.Equal(t, status, answer.Status, "%.40s: %s", payload, answer.Body)
		}
	})
}

func TestReadme(t *testing.T) { functiontest.Readme(t) }

func send(t *testing.T, method, url string, header http.Header, body string) *http.Response {
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	maps.Copy(req.Header, header)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp
}
