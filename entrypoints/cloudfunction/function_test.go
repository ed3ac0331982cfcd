package cloudfunction

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/entrypoints/functiontest"
)

func TestFunction(t *testing.T) {
	binary := functiontest.Build(t)
	cluster := functiontest.Cluster(t)
	var overHTTP *platform
	for _, gcs := range peers.StartGCS(t) {
		overHTTP = &platform{binary: binary, gcs: gcs, target: "Run"}
		t.Run(gcs.Name, func(t *testing.T) {
			functiontest.Run(t, cluster, overHTTP)
			t.Run("Random", func(t *testing.T) { functiontest.Random(t, cluster, overHTTP) })
		})
	}
	byEvent := &platform{binary: binary, gcs: overHTTP.gcs, target: "RunEvent"}
	t.Run("Random by CloudEvents", func(t *testing.T) { functiontest.Random(t, cluster, byEvent) })

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
			resp := send(t, method, overHTTP.url(instance), nil)
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
		assert.Equal(t, http.StatusInternalServerError, send(t, http.MethodPost, byEvent.url(instance), event).StatusCode)
		assert.Contains(t, instance.Log(t), `"owed":4`)

		w.Hook.Status.Store(http.StatusOK)
		w.Hook.Take()
		assert.Equal(t, http.StatusOK, send(t, http.MethodPost, byEvent.url(instance), event).StatusCode)
		assert.ElementsMatch(t, written, w.Hook.Take())
		assert.Contains(t, instance.Log(t), `"severity":"INFO","message":"run ended"`)
	})
}

func TestReadme(t *testing.T) { functiontest.Readme(t) }

// platform is Cloud Functions as far as a function sees it.
type platform struct {
	binary, target string
	gcs            peers.GCS
}

func (p *platform) Checkpoint(t *testing.T) (yaml string, env []string) {
	client, err := storage.NewClient(t.Context(), option.WithEndpoint(p.gcs.Endpoint+"/storage/v1/"), option.WithoutAuthentication())
	require.NoError(t, err)
	defer client.Close()
	bucket := "packetboat-" + strings.ToLower(rand.Text())
	require.NoError(t, client.Bucket(bucket).Create(t.Context(), "project", nil))
	return fmt.Sprintf("{gcs: {bucket: %s, object: packetboat/checkpoint.json, endpoint: %q}}", bucket, p.gcs.Endpoint), nil
}

func (p *platform) Start(t *testing.T, env []string, timeout time.Duration) *functiontest.Instance {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	require.NoError(t, listener.Close())
	instance := &functiontest.Instance{
		Process: functiontest.StartProcess(t, p.binary, append(env, "LOCAL_ONLY=true", "PORT="+port,
			"FUNCTION_TARGET="+p.target, "K_SERVICE=packetboat", "PACKETBOAT_TIMEOUT="+timeout.String())),
		Address:     "127.0.0.1:" + port,
		Connections: 1, // to Cloud Storage, whose client cannot be told to close them
	}
	instance.Invoke = func() (functiontest.Answer, error) { return p.within(instance, timeout, "") }
	instance.Within = func(less time.Duration) (functiontest.Answer, error) {
		return p.within(instance, less, fmt.Sprintf(`{"deadline": %q}`, less))
	}
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", instance.Address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	return instance
}

func (p *platform) url(i *functiontest.Instance) string { return "http://" + i.Address + "/" }

// invoke posts what Cloud Scheduler does, or Pub/Sub.
func (p *platform) invoke(ctx context.Context, i *functiontest.Instance, payload string) (functiontest.Answer, error) {
	body, header := payload, http.Header{"User-Agent": {"Google-Cloud-Scheduler"}}
	if p.target == "RunEvent" {
		body, header = published(payload), messagePublished
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url(i), strings.NewReader(body))
	if err != nil {
		return functiontest.Answer{}, err
	}
	maps.Copy(req.Header, header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return functiontest.Answer{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return functiontest.Answer{Failed: resp.StatusCode >= http.StatusBadRequest, Status: resp.StatusCode, Body: answer}, err
}

// within gives up at the end of the time, and says to the function how long it has.
func (p *platform) within(i *functiontest.Instance, timeout time.Duration, payload string) (functiontest.Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	answer, err := p.invoke(ctx, i, payload)
	if err != nil { // or it has ended
		return answer, fmt.Errorf("%w: %w", functiontest.ErrNoAnswer, err)
	}
	return answer, nil
}

var messagePublished = http.Header{
	"Ce-Id": {"1"}, "Ce-Source": {"//pubsub.googleapis.com/projects/p/topics/t"}, "Ce-Specversion": {"1.0"},
	"Ce-Type": {"google.cloud.pubsub.topic.v1.messagePublished"}, "Content-Type": {"application/json"},
}

// published is a message of Pub/Sub with this data.
func published(data string) string {
	body, _ := json.Marshal(map[string]any{ // it can be encoded
		"subscription": "projects/p/subscriptions/s",
		"message":      map[string]any{"data": []byte(data), "messageId": "1", "publishTime": "2026-01-02T03:04:05Z"},
	})
	return string(body)
}

func send(t *testing.T, method, url string, header http.Header) *http.Response {
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader([]byte("{}")))
	require.NoError(t, err)
	maps.Copy(req.Header, header)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp
}
