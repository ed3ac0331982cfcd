package main

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/entrypoints/functiontest"
)

func TestFunction(t *testing.T) {
	binary := functiontest.Build(t)
	cluster := functiontest.Cluster(t)
	for _, s3 := range peers.StartS3(t) {
		p := &platform{binary: binary, s3: s3}
		t.Run(s3.Name, func(t *testing.T) {
			awake := functiontest.FrozenInARun(t, cluster, p)
			functiontest.Run(t, cluster, p)
			t.Run("Random", func(t *testing.T) { functiontest.Random(t, cluster, p) })
			t.Run("FrozenForLongerThanItsLease", awake)
		})
	}

	t.Run("any payload", func(t *testing.T) {
		p := &platform{binary: binary, s3: peers.StartS3(t)[0]}
		w := functiontest.NewWorld(t, cluster, p, "")
		instance := w.Start(time.Minute)
		for name, payload := range map[string]string{
			"none": "", "empty": "{}", "text": `"go"`, "no JSON": "go",
			"EventBridge Scheduler": `{"version":"0","id":"53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa","detail-type":"Scheduled Event",` +
				`"source":"aws.scheduler","account":"123456789012","time":"2015-10-08T16:53:06Z","region":"us-east-1","resources":[],"detail":{}}`,
		} {
			t.Run(name, func(t *testing.T) {
				w.Write(1)
				answer, err := instance.Send(payload)
				require.NoError(t, err)
				assert.EqualValues(t, 1, answer.Report(t).Receivers["hook"].Delivered)
			})
		}
	})
}

// platform is Lambda as far as a function sees it.
type platform struct {
	binary string
	s3     peers.S3
}

// Checkpoint gives the function its credentials as Lambda does.
func (p *platform) Checkpoint(t *testing.T) (yaml string, env []string) {
	bucket := "packetboat-" + strings.ToLower(rand.Text())
	client := s3.New(s3.Options{
		BaseEndpoint: &p.s3.Endpoint, UsePathStyle: true, Region: p.s3.Region,
		Credentials: credentials.NewStaticCredentialsProvider(p.s3.AccessKey, p.s3.SecretKey, ""),
	})
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	require.NoError(t, err)
	return fmt.Sprintf("{s3: {bucket: %s, key: packetboat/checkpoint.json, endpoint: %q, pathStyle: true}}", bucket, p.s3.Endpoint),
		[]string{"AWS_REGION=" + p.s3.Region, "AWS_ACCESS_KEY_ID=" + p.s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + p.s3.SecretKey}
}

func (p *platform) Start(t *testing.T, env []string, timeout time.Duration) *functiontest.Instance {
	api := newRuntimeAPI(t)
	env = append(env, "AWS_LAMBDA_RUNTIME_API="+api.address, "_HANDLER=bootstrap", "LAMBDA_TASK_ROOT="+filepath.Dir(p.binary))
	process := functiontest.StartProcess(t, p.binary, env)
	send := func(payload string, timeout time.Duration) (functiontest.Answer, error) {
		return api.invoke(payload, timeout, process.Ended())
	}
	return &functiontest.Instance{
		Process:     process,
		Connections: 2, // one waits for the next invocation, one is kept by the SDK for S3
		Invoke:      func() (functiontest.Answer, error) { return send("{}", timeout) },
		Within:      func(less time.Duration) (functiontest.Answer, error) { return send("{}", less) },
		Send:        func(payload string) (functiontest.Answer, error) { return send(payload, timeout) },
	}
}

func TestReadme(t *testing.T) { functiontest.Readme(t) }

func TestErrorTypes(t *testing.T) {
	binary := functiontest.Build(t)
	for name, env := range map[string][]string{
		"no configuration": {"LAMBDA_TASK_ROOT=" + t.TempDir()},
		"wrong timeout":    {"PACKETBOAT_TIMEOUT=soon"},
	} {
		t.Run(name, func(t *testing.T) {
			api := newRuntimeAPI(t)
			process := functiontest.StartProcess(t, binary, append(env, "AWS_LAMBDA_RUNTIME_API="+api.address))
			answer, err := api.invoke("{}", time.Minute, process.Ended())
			require.NoError(t, err)
			require.True(t, answer.Failed)
			assert.Contains(t, string(answer.Body), `"errorType":"Packetboat.Usage"`)
		})
	}
}
