package config_test

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/sinks"
)

// The file has every receiver and key of kubernetes-event-exporter.
func TestReceiversThatAreNotBuiltInAreSaidByName(t *testing.T) {
	data, err := os.ReadFile("testdata/valid/every_upstream_key.yaml")
	require.NoError(t, err)
	opts := options()
	built := map[string]bool{}
	for _, k := range opts.Sinks {
		built[k.Name] = true
	}
	_, problems := config.Load("c", data, opts)
	var notBuilt, unknown []string
	for _, p := range problems {
		if p.Unknown {
			unknown = append(unknown, p.Key)
		} else if p.Severity == config.Error {
			assert.Contains(t, p.Text, "is not built into this binary")
			assert.Contains(t, strings.Split(string(data), "\n")[p.Line-1], p.Key[strings.LastIndexByte(p.Key, '.')+1:]+":")
			notBuilt = append(notBuilt, p.Key[strings.LastIndexByte(p.Key, '.')+1:])
		}
	}
	assert.Equal(t, notInOptions(), notBuilt)
	assert.Contains(t, unknown, "receivers[1].webhook.streamName", "upstream's own example carries an unknown key")
}

func notInOptions() []string {
	return []string{
		"syslog", "elasticsearch", "opensearch", "kafka", "kinesis", "firehose", "sqs", "sns", "eventbridge",
		"pubsub", "bigquery", "opsgenie", "slack", "teams", "loki",
	}
}

func loadUpstream(t *testing.T) *config.Config {
	t.Helper()
	data, err := os.ReadFile("testdata/valid/every_upstream_key.yaml")
	require.NoError(t, err)
	opts := options()
	for _, name := range notInOptions() {
		opts.Sinks = append(opts.Sinks, kind(name, sinks.Oldest, anyConfig{}))
	}
	cfg, problems := config.Load("c", data, opts)
	require.NotNil(t, cfg, "%v", problems)
	return cfg
}

func TestEveryUpstreamKeyParses(t *testing.T) {
	cfg := loadUpstream(t)
	assert.Equal(t, "error", cfg.LogLevel)
	assert.Equal(t, slog.LevelError, cfg.Level())
	assert.Equal(t, 90*time.Second, cfg.FirstRunAge())
	assert.Equal(t, []string{"shop"}, cfg.Namespaces())
	assert.True(t, cfg.LeaderElection.Enabled)
	assert.Equal(t, "exporter", cfg.LeaderElection.ID)
	assert.InDelta(t, 12.5, cfg.KubeQPS, 0)
	assert.Equal(t, 40, cfg.KubeBurst)
	assert.Equal(t, "exporter_", cfg.MetricsNamePrefix)
	assert.False(t, cfg.OmitLookup, "no is a YAML 1.1 boolean")
	assert.Equal(t, 2048, cfg.CacheSize)
	assert.Equal(t, 12*time.Hour, cfg.CacheTTL)
	assert.Equal(t, 10, cfg.MappingCacheSize)
	assert.Len(t, cfg.Receivers, 20)
}

func TestUpstreamReceiversAndRoutesParse(t *testing.T) {
	cfg := loadUpstream(t)
	hook := cfg.Receivers[1].Config.(*hookConfig)
	assert.Equal(t, tlsConfig{ServerName: "a", CAFile: "b", KeyFile: "c", CertFile: "d"}, hook.TLS)
	assert.Equal(t, "{{ .Namespace }}", hook.Headers["X-Team"].Text)
	assert.Equal(t, &fileConfig{
		Path: "/tmp/out", MaxSize: 10, MaxAge: 3, MaxBackups: 2,
		Payload: sinks.Payload{DeDot: true, Layout: cfg.Receivers[2].Config.(*fileConfig).Layout},
	}, cfg.Receivers[2].Config)

	routes := cfg.Route.Routes
	require.Len(t, routes[0].Drop, 1, "a single mapping is a list of one")
	assert.Equal(t, "Normal", routes[0].Drop[0].Type.Text)
	match := routes[0].Match[0]
	assert.Equal(t, "payments", match.Labels["team"].Text)
	assert.Equal(t, "yes", match.Annotations["on-call"].Text)
	assert.Equal(t, sinks.Position{Line: 30, Column: 11}, match.Position)
	assert.Equal(t, "search", routes[0].Routes[0].Match[0].Receiver.Name)
}
