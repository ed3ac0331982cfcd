package kustomize_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/entrypoints/app"
)

// overlays and what their rights are for.
var overlays = map[string]app.RBACOptions{
	"base": {Mode: app.ModeRun}, "cronjob": {Mode: app.ModeRun}, "watch": {Mode: app.ModeWatch}, "cronjob-object-store": {Mode: app.ModeRun},
	"cronjob-sharded": {Mode: app.ModeRun, Shards: 4},
	"cronjob-fleet":   {}, // none: its clusters are others
}

// generated are the kinds that packetboat rbac prints; an overlay may annotate
// the ServiceAccount.
var generated = []string{"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Lease"}

func TestEveryFolderIsAnOverlay(t *testing.T) {
	files, err := filepath.Glob("*/kustomization.yaml")
	require.NoError(t, err)
	assert.Len(t, files, len(overlays))
	for _, file := range files {
		assert.Contains(t, overlays, filepath.Dir(file))
	}
}

// TestRightsAreThoseOfTheConfiguration compares the manifests with what the
// command prints for the configuration that is in them.
func TestRightsAreThoseOfTheConfiguration(t *testing.T) {
	for overlay, options := range overlays {
		if options.Mode == "" {
			continue
		}
		t.Run(overlay, func(t *testing.T) {
			objects := render(t, overlay)
			var config struct{ Data map[string]string }
			var have []object
			checkpoint := false
			for _, o := range objects {
				if slices.Contains(generated, o.kind()) {
					have = append(have, o)
				}
				if o.kind() == "ConfigMap" && strings.HasPrefix(o.metadata("name"), "packetboat-config") {
					o.into(t, &config)
				}
				checkpoint = checkpoint || o.kind() == "ConfigMap" && o.metadata("name") == "packetboat"
			}
			file := filepath.Join(t.TempDir(), "config.yaml")
			require.NoError(t, os.WriteFile(file, []byte(config.Data["config.yaml"]), 0o600))
			wantCheckpoint := false
			var want []object
			for _, o := range generateWith(t, file, options) {
				if slices.Contains(generated, o.kind()) {
					want = append(want, o)
				}
				wantCheckpoint = wantCheckpoint || o.kind() == "ConfigMap"
			}
			assert.ElementsMatch(t, want, have)
			assert.Equal(t, wantCheckpoint, checkpoint)
		})
	}
}

// TestConfigurationsAreGood as packetboat check sees them, with the kubeconfigs
// of a fleet in their place.
func TestConfigurationsAreGood(t *testing.T) {
	files, err := filepath.Glob("*/config.yaml")
	require.NoError(t, err)
	assert.Len(t, files, 4)
	clusters := t.TempDir()
	for _, name := range []string{"prod-eu", "prod-us"} {
		require.NoError(t, os.WriteFile(filepath.Join(clusters, name), []byte(oneCluster), 0o600))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		here := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(here, []byte(strings.ReplaceAll(string(text), "/etc/clusters", clusters)), 0o600))
		problems, err := app.Check(t.Context(), app.Options{ConfigFile: here, Strict: true})
		require.NoError(t, err, file)
		assert.Empty(t, problems, file)
	}
}

const oneCluster = `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
clusters: [{name: c, cluster: {server: "https://192.0.2.1"}}], users: [{name: u, user: {token: t}}]}`

// testServerTakesAllOfIt by a dry run of every object, with no field unknown to
// it. Pods must be as strict as the namespace wants them.
func testServerTakesAllOfIt(t *testing.T, w world) {
	for overlay := range overlays {
		for _, o := range render(t, overlay) {
			text := jsonOf(t, o)
			_, err := w.Client().Do(t.Context(), http.MethodPatch, o.path()+"?fieldManager=test&dryRun=All&fieldValidation=Strict", kube.Apply, text)
			assert.NoError(t, err, "%s: %s", overlay, o)
			if pod := podOf(t, o); pod != nil {
				text := jsonOf(t, object{
					"apiVersion": "v1", "kind": "Pod", "spec": pod.Spec,
					"metadata": map[string]any{"name": "packetboat", "namespace": namespace},
				})
				_, err := w.Client().Do(t.Context(), http.MethodPost, "/api/v1/namespaces/"+namespace+"/pods?dryRun=All", kube.JSON, text)
				assert.NoError(t, err, "%s: the pod of %s", overlay, o)
			}
		}
	}
}

// TestPods looks at what the API server would not mind.
func TestPods(t *testing.T) {
	pods := 0
	for overlay := range overlays {
		for _, o := range render(t, overlay) {
			pod := podOf(t, o)
			if pod == nil {
				continue
			}
			pods++
			c := pod.Spec.Containers[0]
			assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, overlay)
			assert.EqualValues(t, 65532, *pod.Spec.SecurityContext.RunAsUser, overlay)
			assert.Equal(t, c.Resources.Requests.Memory(), c.Resources.Limits.Memory(), overlay)
			assert.Equal(t, overlay != "cronjob-fleet", *pod.Spec.AutomountServiceAccountToken, overlay)
			assert.Greater(t, *pod.Spec.TerminationGracePeriodSeconds, int64(25), "%s: --grace", overlay)
			var names []string
			for _, variable := range c.Env {
				names = append(names, variable.Name)
			}
			assert.Subset(t, names, []string{"POD_NAME", "POD_NAMESPACE"}, overlay)
		}
	}
	assert.Equal(t, len(overlays)-1, pods, "all but the base")
}

func secretOf(name string, data map[string]string) object {
	encoded := map[string]any{}
	for key, value := range data {
		encoded[key] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	return object{
		"apiVersion": "v1", "kind": "Secret", "data": encoded,
		"metadata": map[string]any{"name": name, "namespace": namespace},
	}
}
