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
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/route"
	"github.com/packetboat/packetboat/sinks"
)

func load(t *testing.T, yamlText string) (*config.Config, []config.Problem) {
	t.Helper()
	cfg, problems := config.Load("config.yaml", []byte(yamlText), options())
	for _, p := range problems {
		require.Equal(t, config.Warning, p.Severity, "%s", p)
	}
	return cfg, problems
}

func loadFile(t *testing.T, name string) *config.Config {
	t.Helper()
	data, err := os.ReadFile("testdata/valid/" + name)
	require.NoError(t, err)
	cfg, problems := load(t, string(data))
	require.Empty(t, withoutNotUsed(problems))
	return cfg
}

func withoutNotUsed(problems []config.Problem) []string {
	var rest []string
	for _, p := range problems {
		if !strings.HasPrefix(p.Text, "has no effect") && p.Key != "defaults" {
			rest = append(rest, p.String())
		}
	}
	return rest
}

func TestDefaults(t *testing.T) {
	cfg, problems := load(t, "receivers:\n  - {name: a, webhook: , maxAge: }\n")
	assert.Empty(t, problems)
	assert.Equal(t, "config.yaml", cfg.File)
	assert.Equal(t, "info", cfg.LogLevel)
	assert.Equal(t, "pretty", cfg.LogFormat)
	assert.Equal(t, "kubernetes-event-exporter", cfg.LeaderElection.ID)
	assert.Equal(t, 4096, cfg.CacheSize)
	assert.Zero(t, cfg.FirstRunAge(), "without an age the first run starts as source.start says")
	assert.Empty(t, cfg.Namespaces())
	assert.Nil(t, cfg.Checkpoint)
	assert.Equal(t, config.Source{Marker: config.MarkerAuto, EventTTL: time.Hour}, cfg.Source)

	require.Len(t, cfg.Receivers, 1)
	r := cfg.Receivers[0]
	assert.Equal(t, cfg.Delivery, r.Delivery)
	assert.Equal(t, 1, r.Delivery.Concurrency)
	assert.Equal(t, 30*time.Second, r.Delivery.Timeout)
	assert.True(t, r.ReportUpdates)
	assert.Equal(t, sinks.Oldest, r.Start)
	assert.Equal(t, "receivers[0].webhook", r.Key)
	assert.Equal(t, sinks.Position{Line: 2, Column: 12}, r.Position)
	assert.Equal(t, 443, r.Config.(*hookConfig).Port, "a key without a value leaves the sink's defaults")
}

func TestNewKeys(t *testing.T) {
	cfg := loadFile(t, "new_keys.yaml")
	assert.Equal(t, "configMap", cfg.Checkpoint.Kind.Name)
	assert.Equal(t, &configMapConfig{Namespace: "ops", Name: "packetboat"}, cfg.Checkpoint.Config)
	assert.Equal(t, "/etc/kubeconfig", cfg.Cluster.Kubeconfig)
	assert.Equal(t, config.Source{
		Start: sinks.Now, Namespaces: []string{"shop"}, ExcludeNamespaces: []string{"kube-system"},
		Marker: config.MarkerOff, QuietPeriod: 500 * time.Millisecond, PageBytes: 512_000, Memory: 64 << 20, EventTTL: 2 * time.Hour,
	}, cfg.Source)
	assert.Equal(t, []string{"shop"}, cfg.Namespaces())
	want := config.Delivery{
		Batch: config.Batch{Size: 100, Bytes: 1 << 20, Age: 5 * time.Second}, Concurrency: 2, Timeout: 10 * time.Second,
		Retry: config.Retry{Budget: time.Minute, Initial: time.Second, Max: 20 * time.Second},
	}
	assert.Equal(t, want, cfg.Delivery)
	assert.Nil(t, cfg.DeadLetter, "the log takes them")

	a, b := cfg.Receivers[0], cfg.Receivers[1]
	assert.Equal(t, "old", a.RenamedFrom)
	assert.Equal(t, sinks.Oldest, a.Start)
	assert.Equal(t, 10*time.Minute, a.MaxAge)
	assert.True(t, a.ReportUpdates)
	assert.False(t, b.ReportUpdates, "off at the top is the default of all receivers")
	assert.Equal(t, sinks.Now, b.Start, "source.start goes before the kind's own")
	assert.Equal(t, want, b.Delivery)
	want.Batch.Size, want.Retry.Max = 1, time.Minute
	assert.Equal(t, want, a.Delivery, "only the receiver's own keys replace the defaults")

	rule := cfg.Route.Match[0]
	assert.Equal(t, "web-.*", rule.Name.Text)
	assert.Equal(t, "shop", rule.ObjectNamespace.Text)
	assert.Equal(t, "Binding", rule.Action.Text)
	assert.Equal(t, "v1", rule.Not.APIVersion.Text)
	assert.EqualValues(t, 3, rule.Not.MinCount)
}

func TestTreeIsCompiledForTheReceiversInTheirOrder(t *testing.T) {
	cfg, _ := load(t, `
route:
  match:
    - {receiver: b, kind: Pod}
    - {receiver: a, kind: Node}
receivers:
  - {name: a, stdout: }
  - {name: b, stdout: }
`)
	assert.Equal(t, []int{1}, cfg.Tree.Route(event.Sample(), nil), "the sample is about a Pod")
}

func TestOldSpellings_DC17(t *testing.T) {
	cfg, problems := load(t, "route: {match: {apiversion: v1, mincount: 4, receiver: a}}\nreceivers: {name: a, stdout: }\n")
	assert.Empty(t, problems)
	assert.Equal(t, []route.Rule{{
		APIVersion: route.Pattern{Text: "v1", Position: sinks.Position{Line: 1, Column: 29}},
		MinCount:   4,
		Receiver:   route.Receiver{Name: "a", Position: sinks.Position{Line: 1, Column: 56}},
		Position:   sinks.Position{Line: 1, Column: 16},
	}}, cfg.Route.Match)
}

func TestThrottlePeriodIsTheOldName(t *testing.T) {
	cfg, _ := load(t, "throttlePeriod: 30\nmaxEventAgeSeconds: 0\n")
	assert.Equal(t, 30*time.Second, cfg.FirstRunAge())
}

func TestNoValueIsStdoutWithoutOptions_DC8(t *testing.T) {
	cfg, problems := load(t, "receivers:\n  - name: a\n    stdout:\n")
	assert.Empty(t, problems)
	assert.Equal(t, "stdout", cfg.Receivers[0].Kind.Name)
	assert.Equal(t, &sinks.Payload{}, cfg.Receivers[0].Config)
}

func TestLogLevels(t *testing.T) {
	last := slog.Level(-100)
	for _, name := range []string{"trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled"} {
		cfg, _ := load(t, "logLevel: "+name)
		assert.Greater(t, cfg.Level(), last, name)
		last = cfg.Level()
	}
	for text, want := range map[string]slog.Level{`""`: slog.LevelInfo, "WARN": slog.LevelWarn} {
		cfg, _ := load(t, "logLevel: "+text)
		assert.Equal(t, want, cfg.Level(), text)
	}
	for _, format := range []string{"json", "pretty", `""`} {
		load(t, "logFormat: "+format)
	}
}

func TestSizesAndDurations(t *testing.T) {
	for text, want := range map[string]config.Bytes{
		"1048576": 1 << 20, "1MiB": 1 << 20, "1Mi": 1 << 20, "1 MiB": 1 << 20, "1MB": 1e6, "500KB": 5e5, "500kB": 5e5,
		"1.5Ki": 1536, "2G": 2e9, "1TiB": 1 << 40, "7B": 7, "0": 0,
	} {
		cfg, _ := load(t, "source: {memory: "+text+"}")
		assert.Equal(t, want, cfg.Source.Memory, text)
	}
	for _, text := range []string{"-1", "1m", "1e3", "1PB", "MiB", "1 000", "999999999999999999TiB", "[1, 2]"} {
		cfg, problems := config.Load("c", []byte("source: {memory: "+text+"}"), options())
		assert.Nil(t, cfg, text)
		require.Len(t, problems, 1, text)
		assert.Equal(t, "source.memory", problems[0].Key)
	}
	for _, text := range []string{"0", "0s", "90m", `"5s"`} {
		load(t, "source: {quietPeriod: "+text+"}")
	}
	for _, text := range []string{"5", "5.5", "5d", "-5s", "[5s]", "{a: 5s}"} {
		cfg, problems := config.Load("c", []byte("source: {quietPeriod: "+text+"}"), options())
		assert.Nil(t, cfg, text)
		require.Len(t, problems, 1, text)
	}
}

func TestSinkConfigsAreDecodedAsTheLibraryWould(t *testing.T) {
	cfg, problems := load(t, `
receivers:
  - name: a
    webhook:
      untagged: x
      any: {a: [1, {b: 2}]}
      timeout: 1s
      wait: 2s
      ratio: 2
      port:
      small: 255
      useIt: on
      size: 1KiB
      pause: 3s
      strict: {count: 2}
      deDot: true
`)
	require.Empty(t, problems)
	hook := cfg.Receivers[0].Config.(*hookConfig)
	assert.Equal(t, "x", hook.Untagged)
	assert.Equal(t, map[string]any{"a": []any{1, map[string]any{"b": 2}}}, hook.Any)
	assert.Equal(t, time.Second, hook.Timeout)
	assert.Equal(t, 2*time.Second, hook.Wait)
	assert.Equal(t, 3*time.Second, hook.Pause)
	assert.InDelta(t, 2.0, hook.Ratio, 0)
	assert.Equal(t, 443, hook.Port)
	assert.EqualValues(t, 255, hook.Small)
	assert.True(t, hook.UseIt)
	assert.EqualValues(t, 1024, hook.Size)
	assert.Equal(t, 2, hook.Strict.Count)
	assert.True(t, hook.DeDot)
}
