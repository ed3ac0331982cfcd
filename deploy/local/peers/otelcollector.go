package peers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Collector is the OpenTelemetry Collector: its OTLP receivers, and its file
// exporter, which has written what it was sent before it answers.
type Collector struct {
	*Server        // Addr is that of gRPC
	HTTP    string // address
	path    string
}

const collectorVersion = "v0.161.0"

// collectorModule is the set of versions that go together.
const collectorModule = `module collector

go 1.26

require (
	github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter v0.161.0
	go.opentelemetry.io/collector/component v1.67.0
	go.opentelemetry.io/collector/confmap v1.67.0
	go.opentelemetry.io/collector/confmap/provider/fileprovider v1.67.0
	go.opentelemetry.io/collector/exporter v1.67.0
	go.opentelemetry.io/collector/otelcol v0.161.0
	go.opentelemetry.io/collector/receiver v1.67.0
	go.opentelemetry.io/collector/receiver/otlpreceiver v0.161.0
	go.opentelemetry.io/collector/service v0.161.0
)
`

const collectorMain = `package main

import (
	"log"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

func factories() (f otelcol.Factories, err error) {
	f.Telemetry = otelconftelemetry.NewFactory()
	if f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory()); err == nil {
		f.Exporters, err = otelcol.MakeFactoryMap[exporter.Factory](fileexporter.NewFactory())
	}
	return f, err
}

func main() {
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "otelcol", Version: "` + collectorVersion + `"},
		Factories: factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()}, DefaultScheme: "file",
		}},
	})
	if err := command.Execute(); err != nil {
		log.Fatal(err)
	}
}
`

// StartCollector gives the OpenTelemetry Collector, built in some minutes, once;
// nil without LIVE.
func StartCollector(t testing.TB) *Collector {
	t.Helper()
	if !Live() {
		t.Log("peer: the OpenTelemetry Collector does not take part: LIVE is not set")
		return nil
	}
	binary := module{
		name: "otelcol", version: collectorVersion, pkg: ".",
		files: map[string]string{"go.mod": collectorModule, "main.go": collectorMain},
	}.build(t)
	dir := t.TempDir()
	c := &Collector{HTTP: freeAddr(t), path: filepath.Join(dir, "logs.jsonl")}
	grpc, config := freeAddr(t), filepath.Join(dir, "config.yaml")
	// With rotation it writes each request at once, else it keeps some in memory.
	require.NoError(t, os.WriteFile(config, []byte(`
receivers: {otlp: {protocols: {grpc: {endpoint: `+grpc+`}, http: {endpoint: `+c.HTTP+`}}}}
exporters: {file: {path: `+c.path+`, rotation: {max_megabytes: 1000}}}
service:
  telemetry: {metrics: {level: none}, logs: {level: warn}}
  pipelines: {logs: {receivers: [otlp], exporters: [file]}}
`), 0o600))
	c.Server = startServer(t, binary, "OpenTelemetry Collector "+collectorVersion, grpc, nil, []string{"--config", "file:" + config})
	return c
}

// Requests are the requests that it was sent, as the JSON of OTLP.
func (c *Collector) Requests(t testing.TB) []string {
	t.Helper()
	raw, err := os.ReadFile(c.path)
	require.NoError(t, err)
	var all []string
	for line := range strings.Lines(string(raw)) {
		// A crash leaves the beginning of a request that was not answered, and the
		// next one begins behind it.
		begin := strings.LastIndex(line, `{"resourceLogs":`)
		if begin >= 0 && strings.HasSuffix(line, "}\n") {
			all = append(all, line[begin:])
		}
	}
	return all
}
