package kustomize_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/entrypoints/app"
)

// What is seen to go wrong with a right less; %s is a kind.
const (
	fails       = "exit code 1"
	slow        = "every run lists all that is retained"
	unknown     = "the cluster is not known"
	unmarked    = "there is no marker"
	unnoticed   = "a rewritten history goes unnoticed"
	noneListed  = "no labels where there are many objects of kind %s"
	noneFetched = "no labels where there is one object of kind %s"
)

// losses is what each right of the base is for: what is seen without it.
func losses(marker string) map[right][]string {
	all := map[right][]string{
		{"list", "events", ""}:                {fails},
		{"watch", "events", ""}:               {slow},
		{"get", "namespaces", "kube-system"}:  {unknown},
		{"get", "configmaps", "packetboat"}:   {fails},
		{"patch", "configmaps", "packetboat"}: {fails},
		{"create", "events", ""}:              {unmarked, unnoticed},
		{"patch", "events", marker}:           {unmarked, unnoticed},
		{"get", "events", marker}:             {unnoticed},
	}
	for _, k := range kinds {
		all[right{"list", k.resource, ""}] = []string{fmt.Sprintf(noneListed, k.kind)}
		all[right{"get", k.resource, ""}] = []string{fmt.Sprintf(noneFetched, k.kind)}
	}
	return all
}

// testEveryRight runs with all rights, and then with each one less.
func testEveryRight(t *testing.T, binary string) {
	w := newWorld(t, local.Options{})
	s := newScene(t, w, binary)
	rights := rightsOf(t, s.objects)
	w.settles(t, namespace, within(rights, namespace))
	assert.Empty(t, s.play(t), "with all of them")
	var marker string
	for r := range rights {
		if r.verb == "patch" && r.resource == "events" {
			marker = r.name
		}
	}
	want := losses(marker)
	require.Len(t, want, len(rights), "%v", rights)
	for r, role := range rights {
		t.Run(r.String(), func(t *testing.T) {
			require.Contains(t, want, r, "nobody says what it is for")
			w.apply(t, without(t, role, r))
			w.settles(t, namespace, less(within(rights, namespace), r))
			defer w.apply(t, role)
			assert.ElementsMatch(t, want[r], s.play(t))
		})
	}
}

// kinds are those of the base's configuration.
var kinds = []struct{ version, kind, resource, in string }{
	{"v1", "Pod", "pods", "shop"},
	{"v1", "Node", "nodes", ""},
	{"apps/v1", "Deployment", "deployments.apps", "shop"},
	{"apps/v1", "ReplicaSet", "replicasets.apps", "shop"},
	{"batch/v1", "Job", "jobs.batch", "shop"},
}

// scene is a base that is applied, with objects and events about them: many of
// each kind, which are worth a list, and one whose event comes later.
type scene struct {
	world
	binary, config string
	objects        []object
	late           []load.Event // about one object of each kind
}

const many = 5

func newScene(t *testing.T, w world, binary string) *scene {
	t.Helper()
	dir := t.TempDir()
	s := &scene{world: w, binary: binary, config: filepath.Join(dir, "config.yaml")}
	text := configured(t, "base/config.yaml", "file: {path: "+filepath.Join(dir, "events.json")+"}")
	require.NoError(t, os.WriteFile(s.config, []byte(text), 0o600))
	s.objects = generate(t, s.config, app.ModeRun)
	w.apply(t, s.objects...)
	require.NoError(t, load.Namespace(t.Context(), w.Client(), "shop"))
	for _, k := range kinds {
		for i := range many + 1 {
			about := s.create(t, k.version, k.kind, k.in, i)
			ev := s.event(t, about)
			if i == many {
				s.late = append(s.late, ev)
			}
		}
	}
	return s
}

// create makes an object that has labels, and is otherwise as small as it can be.
func (s *scene) create(t *testing.T, version, kind, in string, i int) object {
	t.Helper()
	labels := map[string]any{"team": "shop"}
	pod := map[string]any{
		"metadata": map[string]any{"labels": labels},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "c", "image": "none"}}},
	}
	spec := map[string]any{"selector": map[string]any{"matchLabels": labels}, "template": pod}
	switch kind {
	case "Pod":
		spec = pod["spec"].(map[string]any)
	case "Node":
		spec = map[string]any{"unschedulable": true}
	case "Job":
		pod["spec"].(map[string]any)["restartPolicy"] = "Never"
		spec = map[string]any{"template": pod}
	}
	metadata := map[string]any{"name": fmt.Sprintf("o%d", i), "labels": labels}
	if in != "" {
		metadata["namespace"] = in
	}
	o := object{"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
	s.apply(t, o)
	var made map[string]any
	s.get(t, o.path(), &made)
	return made
}

func (s *scene) event(t *testing.T, about object) load.Event {
	t.Helper()
	in := about.metadata("namespace")
	ev := map[string]any{
		"metadata": map[string]any{"generateName": "happened-"}, "reason": "Happened", "type": "Normal", "count": 1,
		"involvedObject": map[string]any{
			"apiVersion": about["apiVersion"], "kind": about.kind(), "namespace": in,
			"name": about.metadata("name"), "uid": about.metadata("uid"),
		},
	}
	if in == "" {
		in = "default" // where events are about what is in no namespace
	}
	body, err := json.Marshal(ev)
	require.NoError(t, err)
	answer, err := s.Client().Do(t.Context(), http.MethodPost, "/api/v1/namespaces/"+in+"/events", kube.JSON, body)
	require.NoError(t, err)
	var made map[string]any
	require.NoError(t, json.Unmarshal(answer, &made))
	return load.Event{Namespace: in, Name: object(made).metadata("name"), UID: object(made).metadata("uid"), Count: 1}
}

// play makes three runs from nothing, and says what is wrong with them: one of
// all events, one of a single event of each kind, one after somebody has removed
// the marker, as a restored etcd does.
func (s *scene) play(t *testing.T) (wrong []string) {
	t.Helper()
	s.patch(t, "/api/v1/namespaces/monitoring/configmaps/packetboat", map[string]any{"data": nil})
	s.remove(t, s.markerPath(t))

	first := s.run(t)
	if first.code != 0 {
		return []string{fmt.Sprintf("exit code %d", first.code)}
	}
	if strings.Contains(first.stderr, "cannot read namespace kube-system") {
		wrong = append(wrong, unknown)
	}
	wrong = append(wrong, first.unlabelled(noneListed)...)

	var err error
	s.late, err = load.Update(t.Context(), s.Client(), s.late)
	require.NoError(t, err)
	second := s.run(t)
	if second.report.Read != "replay" {
		wrong = append(wrong, slow)
	}
	wrong = append(wrong, second.unlabelled(noneFetched)...)
	if strings.Contains(second.stderr, "no marker is written") {
		wrong = append(wrong, unmarked)
	}

	s.remove(t, s.markerPath(t))
	if third := s.run(t); third.report.Reset == nil {
		wrong = append(wrong, unnoticed)
	}
	return wrong
}

func (s *scene) markerPath(t *testing.T) string {
	t.Helper()
	for r := range rightsOf(t, s.objects) {
		if r.resource == "events" && r.name != "" {
			return "/api/v1/namespaces/" + namespace + "/events/" + r.name
		}
	}
	require.Fail(t, "the marker has no name")
	return ""
}

// ran is how a run ended.
type ran struct {
	code    int
	stderr  string
	report  app.Report
	written []exported
}

// exported is what matters here of an event in the receiver's file.
type exported struct {
	InvolvedObject struct {
		Kind   string
		Labels map[string]string
	}
}

func (s *scene) run(t *testing.T) (r ran) {
	t.Helper()
	output := filepath.Join(filepath.Dir(s.config), "events.json")
	require.NoError(t, os.WriteFile(output, nil, 0o600))
	c := s.command(t, s.binary, "run", "--config", s.config, "--output", "json")
	r.code = c.run(t)
	r.stderr = c.stderr.String()
	if r.code == 0 {
		require.NoError(t, json.Unmarshal(c.stdout.Bytes(), &r.report), r.stderr)
	}
	text, err := os.ReadFile(output)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var ev exported
		require.NoError(t, json.Unmarshal([]byte(line), &ev))
		r.written = append(r.written, ev)
	}
	return r
}

// unlabelled are the kinds that were delivered without labels, or not at all.
func (r ran) unlabelled(text string) (wrong []string) {
	for _, k := range kinds {
		labelled := false
		for _, ev := range r.written {
			labelled = labelled || ev.InvolvedObject.Kind == k.kind && ev.InvolvedObject.Labels["team"] == "shop"
		}
		if !labelled {
			wrong = append(wrong, fmt.Sprintf(text, k.kind))
		}
	}
	return wrong
}
