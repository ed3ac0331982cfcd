package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/config"
)

func TestClusters(t *testing.T) {
	cfg, problems := load(t, `
checkpoint: {file: {path: c.json}}
clusters:
  - name: east
    cluster: {kubeconfig: a}
  - {name: west, cluster: {inCluster: true}, checkpoint: {file: {path: west.json}}}
receivers: [{name: a, webhook: }]
`)
	require.Empty(t, problems)
	require.Len(t, cfg.Clusters, 2)
	assert.Equal(t, "a", cfg.Clusters[0].Cluster.Kubeconfig)
	assert.Nil(t, cfg.Clusters[0].Checkpoint)
	assert.NotNil(t, cfg.Clusters[1].Checkpoint)
	assert.Equal(t, 4, cfg.ClustersAtOnce)
}

func TestWrongClusters(t *testing.T) {
	const receivers = "\nreceivers: [{name: a, webhook: }]\n"
	for text, says := range map[string]string{
		"clusters: [{name: a}]": "config.yaml:1:12: clusters[0].checkpoint: is missing: each cluster has a checkpoint of its own, " +
			"with a checkpoint at the top of the file, each gets one beside it, with the cluster's name",
		"checkpoint: {file: {path: c}}\nclusters: [{cluster: {inCluster: true}}]": "config.yaml:2:12: clusters[0].name: is missing or no name: " +
			"want at most 63 of a-z, 0-9, . and -, such as prod-eu-1",
		"checkpoint: {file: {path: c}}\nclusters: [{name: a/b}]":                  "config.yaml:2:19: clusters[0].name: is missing or no name: want at most 63 of a-z, 0-9, . and -, such as prod-eu-1",
		"checkpoint: {file: {path: c}}\nclusters: [{name: a}, {name: a}]":         "config.yaml:2:30: clusters[1].name: is already used at line 2",
		"checkpoint: {file: {path: c}}\nclusters: [{name: a-shard-0-of-4}]":       "config.yaml:2:19: clusters[0].name: ends like a shard, -shard-0-of-4: its checkpoint could be that of one",
		"checkpoint: {file: {path: c}}\nclusters: [a]":                            "config.yaml:2:12: clusters[0]: want a mapping with a name and a cluster, got a text",
		"checkpoint: {file: {path: c}}\nclusters: [{name: a}]\nclusterName: b":    "config.yaml:3:14: clusterName: is for a single cluster: those of clusters have their names, remove it",
		"checkpoint: {file: {path: c}}\nclusters: [{name: a}]\nclustersAtOnce: 0": "config.yaml:3:17: clustersAtOnce: must be 1 or more",
		"checkpoint: {file: {path: c}}\nclusters: [{name: a}]\ncluster: {inCluster: true}": "config.yaml:3:10: cluster: is for a single cluster, " +
			"and there is a list in clusters, move it there, or remove it",
	} {
		_, problems := config.Load("config.yaml", []byte(text+receivers), options())
		var all []string
		for _, p := range problems {
			all = append(all, p.String())
		}
		assert.Equal(t, []string{says}, all, text)
	}
}
