package terraform_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/entrypoints/app"
	"github.com/packetboat/packetboat/entrypoints/proving"
)

// severalConfig has what a shell could trip over.
const severalConfig = `
checkpoint: {s3: {bucket: shared, key: "it's/checkpoint.json"}}
clusters:
- {name: one, cluster: {eks: {name: one, region: eu-central-1}}}
- {name: two, cluster: {eks: {name: two, region: eu-central-1}}}
enrich: {kinds: [Pod]}
route: {routes: [{match: [{receiver: hook, labels: {app: "$(date) \"'"}}]}]}
receivers:
- {name: hook, webhook: {endpoint: "https://hook.example.com", headers: {X-Token: "${HOOK_TOKEN}"}}}
`

// TestTheScriptPrintsWhatTheCommandPrints runs the script as its users do.
func TestTheScriptPrintsWhatTheCommandPrints(t *testing.T) {
	w := terraform(t)
	token := `it's $(date) "secret"`
	t.Setenv("HOOK_TOKEN", token)
	script := w.rbacScript(t, severalConfig, map[string]string{"HOOK_TOKEN": token})
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(severalConfig), 0o600))
	for _, cluster := range []string{"one", "two"} {
		want, _, err := app.RBAC(t.Context(), app.Options{ConfigFile: file, Clusters: []string{cluster}},
			app.RBACOptions{Mode: app.ModeRun, ServiceAccount: "packetboat", Group: "packetboat"})
		require.NoError(t, err)
		assert.Equal(t, string(want), runScript(t, script, cluster))
	}
}

// rbacScript is the one of a function with a configuration and variables.
func (w workspace) rbacScript(t *testing.T, config string, environment map[string]string) string {
	t.Helper()
	variables, err := json.Marshal(environment)
	require.NoError(t, err)
	var script string
	require.NoError(t, json.Unmarshal([]byte(w.local(t, "aws-lambda", "rbac_script", config, "TF_VAR_environment="+string(variables))), &script))
	return script
}

// runScript gives it the command, and says what it prints.
func runScript(t *testing.T, script string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Symlink(proving.Build(t), filepath.Join(dir, "packetboat")))
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-s"}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	cmd.Stdin = strings.NewReader(script)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s", stderr.String(), script)
	return string(out)
}

// applyRBAC makes the objects, bound to the user that the test has.
func applyRBAC(t *testing.T, cluster *local.Cluster, text string) {
	t.Helper()
	count := 0
	for decoder := yaml.NewDecoder(strings.NewReader(text)); ; count++ {
		var object map[string]any
		if decoder.Decode(&object) != nil {
			break
		}
		meta := object["metadata"].(map[string]any)
		path := "/apis/rbac.authorization.k8s.io/v1/"
		if namespace, ok := meta["namespace"].(string); ok {
			path += "namespaces/" + namespace + "/"
		}
		if _, binding := object["subjects"]; binding {
			object["subjects"] = []any{map[string]any{"kind": "User", "name": string(local.Packetboat)}}
		}
		path += strings.ToLower(object["kind"].(string)) + "s/" + meta["name"].(string)
		require.NoError(t, cluster.Client().Apply(t.Context(), path, object), path)
	}
	require.NotZero(t, count)
}
