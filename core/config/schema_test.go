package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/config/schematest"
	"github.com/packetboat/packetboat/sinks"
)

// notByShape are the problems that no schema can see: each part is right by
// itself, or it is a fault of the YAML, or of the variables.
func notByShape() []string {
	return []string{
		"bad_pattern_DC2", "both_ages_DC16", "duplicate_names_give_both_positions_DP5", "unknown_rule_key_is_said_DC5",
		"one_file_for_two_receivers", "receiver_named_only_in_route_DP2", "two_documents",
		"receivers_below_route_say_where_they_belong_DP2", "variables_that_are_not_set_DC1",
		"cluster_token_in_the_open", "clusters_that_cannot_be_either",
	}
}

func TestSchemaRefusesWhatLoadRefusesForItsShape(t *testing.T) {
	validate := schematest.New(t, config.Schema(options(), config.Facts{}, false))
	files, err := filepath.Glob("testdata/problems/*.yaml")
	require.NoError(t, err)
	for _, file := range append(files, "testdata/broken.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			cfg, _ := config.Load("c", data, options())
			name := strings.TrimSuffix(filepath.Base(file), ".yaml")
			if cfg != nil || slices.Contains(notByShape(), name) {
				assert.NoError(t, validate(string(data)))
				return
			}
			assert.Error(t, validate(string(data)))
		})
	}
}

// Every single mistake of the files with many, since one would hide the others.
func TestSchemaSeesEachMistake(t *testing.T) {
	validate := schematest.New(t, config.Schema(options(), config.Facts{}, false))
	for _, text := range []string{
		"logLevel: inof", "logFormat: jsno", "throttlePeriod: -1", "metricsNamePrefix: nine", "cacheSize: -1", "cacheSize: '1'",
		"source: {start: yesterday}", "source: {marker: of}", "source: {eventTTL: 60}", "source: {memory: 1PB}", "source: [a]",
		"delivery: {concurrency: 0}", "delivery: {batch: {size: -1}}", "delivery: {batch: {size: 1.5}}", "kubeQPS: fast",
		"omitLookup: perhaps", "namespace: [a]", "namespace: {a: b}", "leaderElection: true", "cluster: {eks: a}", "cluster: {eks: {region: a}}", "cluster: {gke: {name: a}}", "cluster: {gke: {connect: vpn}}",
		"clusters: [{}]", "enrich: {kinds: pods}", "enrich: {kinds: [Pod, v1/Pod]}",
		"route: everything", "route: {drop: text}", "route: {match: {labels: [a]}}", "route: {match: {reason: [a]}}",
		"route: {match: {minCount: many}}", "route: {match: {mincount: many}}", "route: {match: {minCount: 3000000000}}",
		"route: {match: {not: {reason: {a: b}}}}", "route: {routes: {routes: {match: {kind: [Pod]}}}}",
		"checkpoint: file", "checkpoint: {}", "checkpoint: {s3: {}}", "checkpoint: {file: {path: a}, configMap: {name: b}}",
		"checkpoint: {file: {path: [a]}}", "deadLetter: {file: {path: a}}", "deadLetter: log", "receivers: text", "receivers: [text]",
	} {
		assert.Error(t, validate(text), text)
		cfg, _ := config.Load("c", []byte(text), options())
		assert.Nil(t, cfg, text)
	}
	for _, receiver := range []string{
		"stdout: {}", "name: , stdout: {}", `name: "", stdout: {}`, `name: "a\nb", stdout: {}`, "name: a", "name: a, strout: {}",
		"name: a, stdout: {}, webhook: {}", "name: a, inMemory: {}", "name: a, kafka: {}", "name: a, stdout: yes please",
		"name: a, stdout: {}, digest: 5m",
		"name: a, stdout: {}, digest: {as: batch}", "name: a, stdout: {}, digest: {top: many}", "name: a, stdout: {}, suppress: {for: 1}",
		"name: a, stdout: {}, suppress: {for: 1h, by: [{a: b}]}", "name: a, stdout: {}, start: newest", "name: a, stdout: {}, delivery: {timeout: 5}",
		"name: a, webhook: {small: 300}", "name: a, webhook: {ratio: a}", "name: a, webhook: {password: {a: b}}",
		"name: a, webhook: {headers: a}", "name: a, webhook: {headers: {a: [b]}}", "name: a, webhook: {hosts: {a: b}}",
		"name: a, webhook: {timeout: 5}", "name: a, webhook: {wait: -5s}", "name: a, webhook: {tls: a}",
		"name: a, webhook: {tls: {caFile: [a]}}", "name: a, webhook: {endpoint: [a]}",
	} {
		text := "receivers: [{" + receiver + "}]"
		assert.Error(t, validate(text), text)
		cfg, _ := config.Load("c", []byte(text), options())
		assert.Nil(t, cfg, text)
	}
}

func TestSchemaTakesWhatLoadTakes(t *testing.T) {
	opts := options()
	for _, name := range notInOptions() {
		opts.Sinks = append(opts.Sinks, kind(name, sinks.Oldest, anyConfig{}))
	}
	validate := schematest.New(t, config.Schema(opts, config.Facts{}, false))
	files, err := filepath.Glob("testdata/valid/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.NoError(t, validate(string(data)), file)
	}
	for _, text := range []string{
		"logLevel: WARN", `logLevel: ""`, "logLevel: ${CLUSTER}", "receivers:", "checkpoint:", "deadLetter: {log: }", "route:",
		"x-anchors: {a: [1]}", "omitLookup: yes", "omitLookup: ${BOOL}", "cacheSize: ${NUMBER}", "namespace: 5", "namespace: true",
		"kubeQPS: 5", "source: {quietPeriod: 0, memory: 1.5Ki, pageBytes: 1048576, eventTTL: 1h30m}", `source: {memory: "${SIZE}"}`,
		"source: {namespaces: [1, a]}", "source: {namespaces: 1}", "source: {start: $START}", "zebra: 1", "fieldSelector: a",
		"route: {drop: {mincount: 3}, match: {labels: {a: 1, b: true, c: }}, routes: {match: [{receiver: }]}}",
		"enrich: {kinds: Pod}", "enrich: {kinds: [apps/Deployment, Pod]}", "receivers: {name: 5, stdout: }",
		"receivers: [{name: a, webhook: {useIt: on, any: [1], small: 255, strict: {count: 2}, layout: 1, hosts: , headers: , tls: }}]",
	} {
		assert.NoError(t, validate(text), text)
	}
}

func TestStrictSchemaRefusesUnknownKeys(t *testing.T) {
	validate := schematest.New(t, config.Schema(options(), config.Facts{}, true))
	for _, text := range []string{
		"zebra: 1", "source: {strat: now}", "route: {match: {nmespace: a}}", "route: {match: {not: {kind: a, nmespace: a}}}",
		"receivers: [{name: a, stdout: {}, zebra: 1}]", "receivers: [{name: a, webhook: {endpont: a}}]",
		"receivers: [{name: a, webhook: {tls: {caFlie: a}}}]", "checkpoint: {file: {pth: a}}",
	} {
		assert.Error(t, validate(text), text)
		cfg, problems := config.Load("c", []byte(text), options())
		assert.NotNil(t, cfg, text)
		assert.True(t, config.HasErrors(problems, true), text)
	}
	for _, text := range []string{
		"x-anchors: {a: [1]}", "clusterEnvironment: a", "route: {match: {apiversion: v1}}",
		"receivers: [{name: a, webhook: {headers: {any: a}, any: {any: a}, layout: {any: a}, timeout: 1s, wait: 1s, untagged: a}}]",
	} {
		assert.NoError(t, validate(text), text)
		_, problems := config.Load("c", []byte(text), options())
		assert.False(t, config.HasErrors(problems, true), text)
	}
}

func TestSchemaHasFacts(t *testing.T) {
	facts := config.Facts{
		Values:   map[string][]string{"receivers.webhook.tls.serverName": {"", "a", "1", "true"}},
		Mappings: []string{"receivers.webhook.layout"},
		Required: map[string][][]string{"receivers.webhook": {{"endpoint"}, {"hosts", "port"}}},
		Docs:     map[string]string{"core/config.Source.Start": "where it begins"},
	}
	schema := config.Schema(options(), facts, false)
	source := schema["$defs"].(map[string]any)["core.config.Source"]
	if source == nil {
		source = schema["properties"].(map[string]any)["source"]
	}
	start := source.(map[string]any)["properties"].(map[string]any)["start"].(map[string]any)
	assert.Equal(t, "where it begins", start["description"])

	validate := schematest.New(t, schema)
	for hook, good := range map[string]bool{
		"endpoint: a, port: 5": true, "endpoint: a, hosts: b": true, "endpoint: a, hosts: [b], tls: {serverName: true}": true,
		"endpoint: 1, port: 5, tls: {serverName: 1}, layout: {a: b}": true, "endpoint: a, port: 5, tls: {serverName: $X}": true,
		"port: 5": false, "endpoint: a": false, "endpoint: , port: 5": false, `endpoint: "", port: 5`: false, "endpoint: a, hosts: []": false,
		"endpoint: a, port: 5, tls: {serverName: b}": false, "endpoint: a, port: 5, layout: [a]": false, "endpoint: a, port: 5, layout: a": false,
	} {
		err := validate("receivers: [{name: a, webhook: {" + hook + "}}]")
		assert.Equal(t, good, err == nil, "%s: %v", hook, err)
	}
	assert.Error(t, validate("receivers: [{name: a, webhook: }]"), "what is required is not there")
	assert.NoError(t, validate("receivers: [{name: a, file: {tls: {serverName: b}}}]"))
}
