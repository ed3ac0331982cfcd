package kafka

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

const password = "pa55word-f00dcafe"

func TestConformance(t *testing.T) {
	const onePartition = "the messages of one partition are taken or refused together"
	for name, tc := range map[string]struct {
		partitions int32
		mechanism  string
		more       string
		noPartial  string
	}{
		"defaults":        {3, "PLAIN", "sasl: {enable: true, username: boat, password: " + password + "}", onePartition},
		"many partitions": {64, "SCRAM-SHA-512", "key: '{{ .ResourceVersion }}'\ncompressionCodec: zstd\nsasl: {enable: true, username: boat, mechanism: sha512, password: " + password + "}", ""},
		"not idempotent":  {3, "SCRAM-SHA-256", "idempotent: false\nacks: leader\nversion: 2.1.0\nsasl: {enable: true, mechanism: sha256, username: boat, password: " + password + "}", onePartition},
	} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, sinktest.Harness{
				Secrets: []string{password},
				Start: func(t *testing.T) sinktest.Destination {
					f := startFake(t, tc.partitions, kfake.EnableSASL(), kfake.Superuser(tc.mechanism, "boat", password))
					return sinktest.Destination{Kind: Kind, Service: f, Config: config(f, tc.more)}
				},
				NoThrottle:    "Kafka takes what it throttles, and mutes the connection",
				NoPartial:     tc.noPartial,
				NoRecordLimit: "Kafka counts bytes",
			})
		})
	}
}

func config(f *fake, more string) string {
	return "topic: " + topic + "\nbrokers: ['" + strings.Join(f.ListenAddrs(), "', '") + "']\n" + more
}

func openConfig(t *testing.T, config string) (sinks.Sink, error) {
	t.Helper()
	return openIn(t, sinktest.Env(io.Discard), config)
}

func openIn(t *testing.T, env sinks.Env, config string) (sinks.Sink, error) {
	t.Helper()
	c := Kind.NewConfig()
	require.NoError(t, yaml.Unmarshal([]byte(config), c))
	return Kind.Open(t.Context(), c, env)
}

func mustOpen(t *testing.T, config string) sinks.Sink {
	t.Helper()
	return mustOpenIn(t, sinktest.Env(io.Discard), config)
}

func mustOpenIn(t *testing.T, env sinks.Env, config string) sinks.Sink {
	t.Helper()
	s, err := openIn(t, env, config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	return s
}
