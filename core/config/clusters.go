package config

import (
	"fmt"
	"reflect"
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/sinks"
)

// NamedCluster is one of several clusters that one run reads.
type NamedCluster struct {
	// Name becomes clusterName of its events, and a part of the checkpoint's name
	// where it has none of its own: letters, digits, dots and dashes.
	Name string `yaml:"name"`
	// Cluster is how to reach it, as the key cluster for a single one.
	Cluster Cluster `yaml:"cluster"`
	// Checkpoint is its own; default the one of the file, with -NAME in its name.
	Checkpoint *Checkpoint `yaml:"-"`

	Key      string         `yaml:"-"` // such as clusters[0]
	Position sinks.Position `yaml:"-"` // of its name
}

// clusterName fits into a label, the name of a file, an object and a ConfigMap.
var clusterName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$`)

// shardName ends as the name of a shard's checkpoint does, which it would be taken for.
var shardName = regexp.MustCompile(`(^|-)shard-[0-9]+-of-[0-9]+$`)

func (l *loader) clusters(top place, nodes []yaml.Node) {
	named := map[string]NamedCluster{}
	for i := range nodes {
		in := place{&nodes[i], element("clusters", i)}
		if in.node.Kind != yaml.MappingNode {
			l.want("a mapping with a name and a cluster", in.node, in.path)
			continue
		}
		c := l.cluster(in)
		first, taken := named[c.Name]
		switch {
		case !clusterName.MatchString(c.Name):
			l.wrong(in, "name", "is missing or no name: want at most 63 of a-z, 0-9, . and -, such as prod-eu-1", "")
		case shardName.MatchString(c.Name):
			l.wrong(in, "name", "ends like a shard, -shard-0-of-4: its checkpoint could be that of one", "")
		case taken:
			l.wrong(in, "name", fmt.Sprintf("is already used at line %d", first.Position.Line), "")
		case c.Checkpoint == nil && l.config.Checkpoint == nil:
			l.wrong(in, "checkpoint", "is missing: each cluster has a checkpoint of its own",
				"with a checkpoint at the top of the file, each gets one beside it, with the cluster's name")
		}
		named[c.Name] = c
		l.config.Clusters = append(l.config.Clusters, c)
	}
	if len(nodes) == 0 {
		return
	}
	if l.config.Cluster.Way != "" {
		l.wrong(top, "cluster", "is for a single cluster, and there is a list in clusters", "move it there, or remove it")
	}
	if l.config.ClusterName != "" {
		l.wrong(top, "clusterName", "is for a single cluster: those of clusters have their names", "remove it")
	}
	if l.config.ClustersAtOnce < 1 {
		l.wrong(top, "clustersAtOnce", "must be 1 or more", "")
	}
	l.checkSharedFiles()
}

func (l *loader) cluster(in place) NamedCluster {
	c := NamedCluster{Key: in.path, Position: at(in.node)}
	own := &yaml.Node{Kind: yaml.MappingNode, Line: in.node.Line, Column: in.node.Column}
	for i := 0; i < len(in.node.Content); i += 2 {
		key, value := in.node.Content[i], in.node.Content[i+1]
		if key.Value == "checkpoint" {
			c.Checkpoint = l.checkpoint(value, below(in.path, key.Value))
			continue
		}
		own.Content = append(own.Content, key, value)
	}
	l.decode(own, reflect.ValueOf(&c).Elem(), in.path)
	l.checkCluster(place{find(in.node, "cluster"), below(in.path, "cluster")}, &c.Cluster)
	if name := find(in.node, "name"); name != nil {
		c.Position = at(name)
	}
	return c
}

// checkSharedFiles finds receivers whose file several clusters would write at
// once: each would rotate or truncate what the other writes.
func (l *loader) checkSharedFiles() {
	if len(l.config.Clusters) < 2 || l.config.ClustersAtOnce < 2 {
		return
	}
	for _, r := range l.config.Receivers {
		if r.Kind.Name == "file" || r.Kind.Name == "pipe" {
			n := &yaml.Node{Line: r.Position.Line, Column: r.Position.Column}
			l.report(n, r.Key, Error, "would be written by several clusters at once", "set clustersAtOnce: 1, or use stdout")
		}
	}
}
