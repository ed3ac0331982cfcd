package awsclient_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/cloudwatch"
	"github.com/packetboat/packetboat/sinks/eventbridge"
	"github.com/packetboat/packetboat/sinks/firehose"
	"github.com/packetboat/packetboat/sinks/kinesis"
	"github.com/packetboat/packetboat/sinks/opscenter"
	"github.com/packetboat/packetboat/sinks/sinktest"
	"github.com/packetboat/packetboat/sinks/sns"
	"github.com/packetboat/packetboat/sinks/sqs"
)

// Only what is configured is initialised, and that by the first event: neither
// Open nor Encode reads the shared AWS configuration, looks for credentials or
// connects. The first Send does all of it, so that the traps are known to work.
func TestOpenResolvesNoCredentials_DS27(t *testing.T) {
	for _, receiver := range []struct {
		kind   sinks.Kind
		config string
	}{
		{kinesis.Kind, "streamName: a"},
		{firehose.Kind, "deliveryStreamName: a"},
		{sqs.Kind, "queueName: a"},
		{sns.Kind, "topicARN: arn:aws:sns:eu-central-1:1:a"},
		{eventbridge.Kind, "{}"},
		{cloudwatch.Kind, "logGroupName: a"},
		{opscenter.Kind, "{}"},
	} {
		t.Run(receiver.kind.Name, func(t *testing.T) {
			fileWasRead, asked := traps(t)
			config := receiver.kind.NewConfig()
			require.NoError(t, yaml.Unmarshal([]byte(receiver.config), config))
			sink, err := receiver.kind.Open(t.Context(), config, sinktest.Env(io.Discard))
			require.NoError(t, err)
			record, err := sink.Encode(event.Sample())
			require.NoError(t, err)
			require.False(t, fileWasRead.Load(), "the shared configuration")
			require.Zero(t, asked.Load(), "credentials, or the service")

			assert.ErrorContains(t, sink.Send(t.Context(), []sinks.Record{record}), "get AWS credentials")
			assert.True(t, fileWasRead.Load())
			assert.NotZero(t, asked.Load())
			require.NoError(t, sink.Close(t.Context()))
		})
	}
}

// traps make the shared configuration a pipe that notices its reader, and the
// metadata service and all services of AWS a server that counts and refuses.
func traps(t *testing.T) (fileWasRead *atomic.Bool, asked *atomic.Int32) {
	t.Helper()
	fileWasRead, asked = &atomic.Bool{}, &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(server.Close)
	pipe := filepath.Join(t.TempDir(), "config")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	done := make(chan struct{})
	go func() {
		defer close(done)
		writer, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits for a reader
		if err != nil {
			return
		}
		fileWasRead.Store(true)
		_, _ = io.WriteString(writer, "[default]\nregion = eu-central-1\n")
		_ = writer.Close()
	}()
	t.Cleanup(func() {
		reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0) // nobody waits any more
		require.NoError(t, err)
		<-done
		require.NoError(t, reader.Close())
	})
	for _, name := range []string{
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_EC2_METADATA_DISABLED",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", pipe)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	return fileWasRead, asked
}
