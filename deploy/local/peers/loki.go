package peers

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const lokiVersion = "v3.7.8"

// lokiModule repeats what its own go.mod replaces.
const lokiModule = `module loki

go 1.26.5

require github.com/grafana/loki/v3 ` + lokiVersion + `

replace github.com/Azure/azure-sdk-for-go => github.com/Azure/azure-sdk-for-go v68.0.0+incompatible
replace github.com/Azure/azure-storage-blob-go => github.com/MasslessParticle/azure-storage-blob-go v0.14.1-0.20240322194317-344980fda573
replace github.com/gocql/gocql => github.com/grafana/gocql v0.0.0-20200605141915-ba5dc39ece85
replace github.com/hashicorp/memberlist => github.com/grafana/memberlist v0.3.1-0.20251126142931-6f9f62ab6f86
replace github.com/grafana/regexp => github.com/grafana/regexp v0.0.0-20240518133315-a468a5bfb3bc
replace github.com/influxdata/go-syslog/v3 => github.com/leodido/go-syslog/v4 v4.3.0
replace github.com/thanos-io/objstore => github.com/grafana/objstore v0.0.0-20250728171719-b5d3b766d1b0
`

// StartLoki gives Loki with the limits that it has by itself, but for the rate:
// a single program with its files. It writes to its log on the disk before it
// answers. It takes ten minutes to build, once, and 20 seconds to start; nil
// without LIVE=all. License AGPL: it runs beside us and is not linked.
func StartLoki(t testing.TB) *Server {
	t.Helper()
	if os.Getenv("LIVE") != "all" {
		t.Log("peer: Loki does not take part: LIVE is not all")
		return nil
	}
	binary := module{
		name: "loki", version: lokiVersion, pkg: "github.com/grafana/loki/v3/cmd/loki",
		files: map[string]string{"go.mod": lokiModule},
	}.build(t)
	dir, addr, internal := t.TempDir(), freeAddr(t), freeAddr(t)
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	_, grpcPort, err := net.SplitHostPort(internal)
	require.NoError(t, err)
	config := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(`
auth_enabled: false
analytics: {reporting_enabled: false}
server: {http_listen_address: `+host+`, http_listen_port: `+port+`, grpc_listen_address: `+host+`, grpc_listen_port: `+grpcPort+`, log_level: error}
common:
  path_prefix: `+filepath.Join(dir, "data")+`
  replication_factor: 1
  instance_addr: `+host+`
  ring: {kvstore: {store: inmemory}}
  storage: {filesystem: {chunks_directory: `+filepath.Join(dir, "chunks")+`, rules_directory: `+filepath.Join(dir, "rules")+`}}
schema_config:
  configs: [{from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13, index: {prefix: index_, period: 24h}}]
limits_config: {ingestion_rate_mb: 100, ingestion_burst_size_mb: 200, per_stream_rate_limit: 100MB, per_stream_rate_limit_burst: 200MB, max_entries_limit_per_query: 100000}
`), 0o600))
	return startServer(t, binary, "Loki "+lokiVersion, addr, nil, []string{"-config.file=" + config})
}
