package helm_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/deploy/local/peers"
)

// collections are where the API server has objects of the chart's kinds.
func collections() map[string]string {
	return map[string]string{
		"ServiceAccount": "api/v1", "Secret": "api/v1", "ConfigMap": "api/v1", "Service": "api/v1", "Pod": "api/v1",
		"CronJob": "apis/batch/v1", "Deployment": "apis/apps/v1",
		"Role": "apis/rbac.authorization.k8s.io/v1", "RoleBinding": "apis/rbac.authorization.k8s.io/v1",
		"ClusterRole": "apis/rbac.authorization.k8s.io/v1", "ClusterRoleBinding": "apis/rbac.authorization.k8s.io/v1",
		"Lease": "apis/coordination.k8s.io/v1", "PodDisruptionBudget": "apis/policy/v1", "NetworkPolicy": "apis/networking.k8s.io/v1",
	}
}

// serviceMonitor is not Kubernetes' own: no schema of it is at hand.
const serviceMonitor = "ServiceMonitor"

func path(t *testing.T, o object) string {
	t.Helper()
	collection, found := collections()[o.kind()]
	require.True(t, found, o.kind())
	plural := strings.ToLower(o.kind()) + "s"
	if o.kind() == "NetworkPolicy" {
		plural = "networkpolicies"
	}
	if o.namespace() != "" {
		collection += "/namespaces/" + o.namespace()
	}
	return "/" + collection + "/" + plural + "/" + o.name()
}

// TestKubernetesTakesAllOfIt: the API server, asked strictly, would take every
// object of every case, and kubeconform finds no field that its schema has not.
func TestKubernetesTakesAllOfIt(t *testing.T) {
	h, there := latest(t)
	if !there {
		return
	}
	cluster := localtest.Start(t, local.Options{})
	for _, name := range []string{namespace, "shop", "other", "no", "1e3"} {
		require.NoError(t, load.Namespace(t.Context(), cluster.Client(), name))
	}
	var all strings.Builder
	for name, values := range cases() {
		rendered, err := h.template(t, values)
		require.NoError(t, err, name)
		all.WriteString(rendered)
		for _, o := range objects(t, rendered) {
			if o.kind() == serviceMonitor {
				continue
			}
			body, err := json.Marshal(o)
			require.NoError(t, err)
			_, err = cluster.Client().Do(t.Context(), http.MethodPatch,
				path(t, o)+"?fieldManager=test&dryRun=All&fieldValidation=Strict", kube.Apply, body)
			require.NoError(t, err, "%s: %s", name, o)
		}
	}
	schemas := writeSchemas(t, cluster)
	said, err := kubeconform(t, schemas, all.String())
	require.NoError(t, err, said)
	require.Contains(t, said, "Errors: 0")
	for _, wrong := range []string{"scedule: '* * * * *'", "suspend: 'no'"} {
		said, err := kubeconform(t, schemas, "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {schedule: x, jobTemplate: {}, "+wrong+"}")
		require.Error(t, err, "no field that Kubernetes does not have, or has with another type")
		require.Contains(t, said, strings.SplitN(wrong, ":", 2)[0])
	}
}

// kubeconform looks at manifests and says what it thinks of them.
func kubeconform(t *testing.T, schemas, manifests string) (said string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), peers.Kubeconform(t), "-strict", "-summary", "-skip", serviceMonitor,
		"-schema-location", filepath.Join(schemas, "{{ .ResourceKind }}.json"), "-")
	cmd.Stdin = strings.NewReader(manifests)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// writeSchemas turns what the API server says about its kinds into JSON Schemas,
// one file for each: strict ones, in which no object has a field that is not named.
func writeSchemas(t *testing.T, cluster *local.Cluster) (dir string) {
	t.Helper()
	var document struct{ Definitions map[string]map[string]any }
	require.NoError(t, cluster.Client().Get(t.Context(), "/openapi/v2", &document))
	for name, definition := range document.Definitions {
		if _, open := definition["additionalProperties"]; definition["properties"] != nil && !open {
			definition["additionalProperties"] = false
		}
		switch {
		case definition["format"] == "int-or-string":
			definition["type"] = []string{"integer", "string"}
			delete(definition, "format")
		case strings.HasSuffix(name, ".Quantity"):
			definition["type"] = []string{"number", "string"}
		}
	}
	dir = t.TempDir()
	for _, definition := range slices.Sorted(maps.Keys(document.Definitions)) {
		kinds, _ := document.Definitions[definition]["x-kubernetes-group-version-kind"].([]any)
		for _, kind := range kinds {
			k := kind.(map[string]any)
			group := "apis/" + k["group"].(string)
			if k["group"] == "" {
				group = "api"
			}
			if collections()[k["kind"].(string)] != group+"/"+k["version"].(string) {
				continue
			}
			raw, err := json.Marshal(map[string]any{"$ref": "#/definitions/" + definition, "definitions": document.Definitions})
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, strings.ToLower(k["kind"].(string))+".json"), raw, 0o600))
		}
	}
	return dir
}
