package config_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
)

func TestMetrics(t *testing.T) {
	cfg, problems := load(t, `
clusterName: production
metrics:
  interval: 30s
  pushgateway: {url: "https://gateway.example.com", username: me, password: s3cret, headers: {X-Scope: a}}
  otlp: {endpoint: "http://collector:4318", headers: {Authorization: Bearer t0ken}}
  cloudwatch: {}
`)
	require.Empty(t, problems)
	m := cfg.Metrics
	assert.Equal(t, 30*time.Second, m.Interval)
	assert.Equal(t, "https://gateway.example.com", m.Pushgateway.URL.Reveal())
	assert.Equal(t, "packetboat", m.Pushgateway.Job)
	assert.Equal(t, "production", m.Pushgateway.Instance)
	assert.Equal(t, "s3cret", m.Pushgateway.Password.Reveal())
	assert.Equal(t, "a", m.Pushgateway.Headers["X-Scope"].Reveal())
	assert.Equal(t, "Bearer t0ken", m.OTLP.Headers["Authorization"].Reveal())
	assert.Equal(t, "packetboat", m.CloudWatch.Namespace)

	cfg, problems = load(t, "metrics: {otlp: {}}\n")
	require.Empty(t, problems)
	assert.Equal(t, config.Metrics{Interval: time.Minute, OTLP: &config.OTLP{}}, cfg.Metrics)
	cfg, _ = load(t, "logLevel: info\n")
	assert.Equal(t, config.Metrics{Interval: time.Minute}, cfg.Metrics)
}

func TestTheExampleInTheReadmeOfMetrics(t *testing.T) {
	readme, err := os.ReadFile("../metrics/README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "```yaml config\n")
	require.True(t, found)
	example, _, _ := strings.Cut(rest, "```")
	o := options()
	o.LookupEnv = func(string) (string, bool) { return "x", true }
	cfg, problems := config.Load("README.md", []byte(example), o)
	require.Empty(t, problems)
	assert.Equal(t, "x", cfg.Metrics.Pushgateway.Password.Reveal())
	assert.Equal(t, "Bearer x", cfg.Metrics.OTLP.Headers["Authorization"].Reveal())
}

func TestWhatIsWrongWithMetrics(t *testing.T) {
	for text, want := range map[string]string{
		"{interval: 10ms}":                                            "2:22: metrics.interval: must be 1s or more",
		"{pushgateway: {}}":                                           "2:25: metrics.pushgateway.url: must be set",
		"{pushgateway: {url: gate:1}}":                                "metrics.pushgateway.url: want an address that begins with http:// or https://",
		"{pushgateway: {url: 'http://g', password: hunter2}}":         "metrics.pushgateway.password: there is no username",
		"{pushgateway: {url: 'http://g', headers: {'a b': hunter2}}}": "metrics.pushgateway.headers[\"a b\"]: is no HTTP header",
		"{otlp: {headers: {A: \"hunter2\\n\"}}}":                      "metrics.otlp.headers.A: is no HTTP header",
		"{otlp: {endpoint: 'grpc://hunter2'}}":                        "metrics.otlp.endpoint: want an address",
		"{otlp: {endpoint: 'https://me:hunter2@otlp'}}":               "metrics.otlp.endpoint: user, password and query are not sent",
		"{otlp: {endpoint: 'https://otlp/?key=hunter2'}}":             "metrics.otlp.endpoint: user, password and query are not sent",
		"{cloudwatch: {namespace: AWS/EC2}}":                          "metrics.cloudwatch.namespace",
		"{cloudwatch: {namespace: " + strings.Repeat("x", 256) + "}}": "metrics.cloudwatch.namespace",
		"{pushgateway: {url: 'http://g', pasword: x}}":                `did you mean "password"`,
	} {
		_, problems := config.Load("config.yaml", []byte("receivers: []\nmetrics:  "+text+"\n"), options())
		require.Len(t, problems, 1, text)
		assert.Contains(t, problems[0].String(), want)
		assert.NotContains(t, problems[0].String(), "hunter2")
	}
}
