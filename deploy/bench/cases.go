package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

const (
	checkpoint = "checkpoint.json"
	output     = "events.json"
	bare       = "bare client-go, list in pages of 5,000"
	bareWatch  = "bare client-go, watch of the new ones"
)

// A route of three rules and a layout of ten fields, as the baselines have them.
const config = `
clusterName: bench
checkpoint: {file: {path: checkpoint.json}}
source: {start: oldest%s}
metrics: {listen: "127.0.0.1:0"}
route:
  routes:
    - drop:
        - {namespace: ^(kube-system|monitoring)$}
        - {type: Normal, reason: ^(Pulled|Created|Started)$}
      match:
        - {receiver: out}
receivers:
  - name: out
    %s
`

const layout = `
      layout:
        time: "{{ .GetTimestampISO8601 }}"
        cluster: "{{ .ClusterName }}"
        namespace: "{{ .InvolvedObject.Namespace }}"
        kind: "{{ .InvolvedObject.Kind }}"
        name: "{{ .InvolvedObject.Name }}"
        reason: "{{ .Reason }}"
        message: "{{ .Message }}"
        type: "{{ .Type }}"
        component: "{{ .Source.Component }}"
        host: "{{ .Source.Host }}"`

const toFile = `file:
      path: events.json
      maxsize: 10000`

// backlog are the cases that read all events.
func (s *Suite) backlog() []*Case {
	list := func(name string, args ...string) *Case {
		return &Case{Name: name, Events: s.Events, command: func(ctx context.Context) (*exec.Cmd, error) {
			return s.reader(ctx, append(args, "-want", strconv.Itoa(s.Events))...), nil
		}}
	}
	run := func(name, source, receiver string, check func() error) *Case {
		return &Case{Name: name, Beside: bare, Events: s.Events, check: check, command: func(ctx context.Context) (*exec.Cmd, error) {
			s.bulk.reset()
			if err := s.remove(checkpoint, output); err != nil {
				return nil, err
			}
			return s.packetboat(ctx, "run", fmt.Sprintf(config, source, receiver))
		}}
	}
	inFile := func() error { return s.lines(s.Events) }
	toBulk := fmt.Sprintf("elasticsearch: {hosts: [%q], index: events}", s.bulk.URL)
	bulkLayout := fmt.Sprintf("elasticsearch:\n      hosts: [%q]\n      index: events%s", s.bulk.URL, layout)
	return []*Case{
		list(bare),
		list("bare client-go, pages of 500", "-chunk", "500"),
		list("bare client-go, JSON in pages of 500", "-chunk", "500", "-json"),
		run("packetboat, layout of 10 fields to a file", "", toFile+layout, inFile),
		run("packetboat, default JSON to a file", "", toFile, inFile),
		run("packetboat, layout of 10 fields to a bulk API", "", bulkLayout, func() error { return s.bulk.received(s.Events) }),
		run("packetboat, default JSON to a bulk API", "", toBulk, func() error { return s.bulk.received(s.Events) }),
		run("packetboat, memory: 8MiB, layout to a file", ", memory: 8MiB", toFile+layout, inFile),
	}
}

// scheduled are the cases that find New events beside the others: each from the
// checkpoint that a run made before these were written.
func (s *Suite) scheduled(ctx context.Context) ([]*Case, error) {
	cfg := fmt.Sprintf(config, "", toFile+layout)
	cmd, err := s.packetboat(ctx, "run", cfg)
	if err != nil {
		return nil, err
	}
	if _, err := Measure(ctx, cmd); err != nil {
		return nil, err
	}
	before, err := os.ReadFile(s.path(checkpoint))
	if err != nil {
		return nil, err
	}
	version, err := s.head(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.write(ctx, New); err != nil {
		return nil, err
	}
	run := func(ctx context.Context) (*exec.Cmd, error) {
		if err := s.remove(output); err != nil {
			return nil, err
		}
		if err := os.WriteFile(s.path(checkpoint), before, 0o600); err != nil {
			return nil, err
		}
		return s.packetboat(ctx, "run", cfg)
	}
	watch := func(ctx context.Context) (*exec.Cmd, error) {
		return s.reader(ctx, "-since", version, "-want", strconv.Itoa(New)), nil
	}
	return []*Case{
		{Name: bareWatch, Events: New, command: watch},
		{Name: "packetboat, scheduled run", Beside: bareWatch, Events: New, command: run, check: func() error { return s.lines(New) }},
	}, nil
}

// head is the cluster's present version.
func (s *Suite) head(ctx context.Context) (string, error) {
	var list struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	err := s.Cluster.Client().Get(ctx, "/api/v1/events?limit=1", &list)
	return list.Metadata.ResourceVersion, err
}
