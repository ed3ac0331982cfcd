package cloudfunction

import (
	"cmp"
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
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/entrypoints/functiontest"
)

// platform is Cloud Functions as far as a function sees it.
type platform struct {
	binary, target string
	dir            string // where it is started, "" for anywhere
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
		Process: functiontest.StartProcessIn(t, cmp.Or(p.dir, t.TempDir()), p.binary, append(env, "LOCAL_ONLY=true", "PORT="+port,
			"FUNCTION_TARGET="+p.target, "K_SERVICE=packetboat", "PACKETBOAT_TIMEOUT="+timeout.String())),
		Address:     "127.0.0.1:" + port,
		Connections: 1, // to Cloud Storage, whose client cannot be told to close them
	}
	instance.Invoke = func() (functiontest.Answer, error) { return p.within(instance, timeout, "") }
	instance.Send = func(payload string) (functiontest.Answer, error) { return p.within(instance, timeout, payload) }
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
