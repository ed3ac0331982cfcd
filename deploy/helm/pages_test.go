package helm_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app"
)

const (
	chartPage   = chart + "/README.md"
	migratePage = "../migrate/README.md"
)

// blocks gives the fenced blocks of a page with this info string, without the
// indentation that they have in a list.
func blocks(t *testing.T, page, info string) (found []string) {
	t.Helper()
	fence := regexp.MustCompile("(?ms)^( *)```" + regexp.QuoteMeta(info) + "\n(.*?)^ *```$")
	for _, m := range fence.FindAllStringSubmatch(read(t, page), -1) {
		found = append(found, regexp.MustCompile("(?m)^"+m[1]).ReplaceAllString(m[2], ""))
	}
	require.NotEmpty(t, found, "%s has no block %s", page, info)
	return found
}

// givenConfig is the configuration in values, "" if there is none.
func givenConfig(t *testing.T, text string) string {
	t.Helper()
	switch config := values(t, text)["config"].(type) {
	case string:
		return config
	case map[string]any:
		raw, err := yaml.Marshal(config)
		require.NoError(t, err)
		return string(raw)
	}
	return ""
}

// TestPagesSayWhatIsRight: every block of values is taken by the schema and
// renders, and every configuration passes `packetboat check --strict`.
func TestPagesSayWhatIsRight(t *testing.T) {
	for _, variable := range []string{"HOOK_TOKEN", "API_TOKEN"} {
		t.Setenv(variable, "secret")
	}
	_, schema := schemaOfValues(t)
	h, live := latest(t)
	for _, page := range []string{chartPage, migratePage} {
		for _, text := range blocks(t, page, "yaml values") {
			require.NoError(t, schema.Validate(values(t, text)), text)
			if config := givenConfig(t, text); config != "" {
				assert.Empty(t, check(t, config), text)
			}
			if !live {
				continue
			}
			rendered, err := h.template(t, text)
			require.NoError(t, err, text)
			if config := configuration(t, objects(t, rendered)); config != "" {
				assert.Empty(t, check(t, config), text)
			}
		}
	}
}

// TestOldConfigurationsAreTaken as they are, and are what the new values have.
func TestOldConfigurationsAreTaken(t *testing.T) {
	t.Setenv("API_TOKEN", "secret")
	var ours []string
	for _, text := range blocks(t, migratePage, "yaml values") {
		ours = append(ours, givenConfig(t, text))
	}
	old := one(t, objects(t, blocks(t, migratePage, "yaml old")[0]), "ConfigMap").at(t, "data", "config.yaml").(string)
	bitnami := givenConfig(t, blocks(t, migratePage, "yaml bitnami")[0])
	for _, config := range []string{old, bitnami} {
		assert.Empty(t, check(t, config))
		assert.Contains(t, ours, config)
	}
}

// TestTheChartMayFollowTheImage: who has changed the image first can install the
// chart beside it, which takes over nothing that is not its own.
func TestTheChartMayFollowTheImage(t *testing.T) {
	for _, theirs := range objects(t, strings.Join(blocks(t, migratePage, "yaml manifest"), "\n---\n")) {
		for _, name := range []string{"cronjob", "watch"} {
			for _, ours := range objects(t, read(t, golden(name))) {
				assert.NotEqual(t, theirs.String(), ours.String())
			}
		}
	}
}

// TestTheImageIsASwap: the old Deployment's configuration, the old ClusterRole,
// and what the page adds, on a real API server: everything arrives, and the
// checkpoint is kept.
func TestTheImageIsASwap(t *testing.T) {
	cluster := localtest.Start(t, local.Options{})
	i := installed{cluster: cluster, events: filepath.Join(t.TempDir(), "events.json")}
	client := cluster.Client()
	require.NoError(t, load.Namespace(t.Context(), client, namespace))
	t.Setenv("POD_NAMESPACE", namespace)
	const everything = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"event-exporter"},
		"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["get","watch","list"]}]}`
	const binding = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"event-exporter"},
		"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"event-exporter"},
		"subjects":[{"kind":"ServiceAccount","namespace":"monitoring","name":"event-exporter"}]}`
	const account = `{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"event-exporter","namespace":"monitoring"}}`
	manifests := strings.Join(append(blocks(t, migratePage, "yaml manifest"), everything, binding, account), "\n---\n")
	for _, o := range objects(t, manifests) {
		require.NoError(t, client.Apply(t.Context(), path(t, o), o), o)
	}
	localtest.WriteEvents(t, cluster, "shop", 3)
	old := one(t, objects(t, blocks(t, migratePage, "yaml old")[0]), "ConfigMap").at(t, "data", "config.yaml").(string)
	config := strings.NewReplacer("stdout: {}", "file: {path: "+i.events+"}", "logLevel: error", "logLevel: info").Replace(old)
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	options := app.Options{ConfigFile: file, Kubeconfig: i.kubeconfigOf(t, "event-exporter"), Stdout: io.Discard}

	text := watch(t, options)
	for _, lacking := range []string{"forbidden", "cannot read", "no marker", "IN MEMORY"} {
		assert.NotContains(t, text, lacking)
	}
	assert.Equal(t, 3, strings.Count(read(t, i.events), `"namespace":"shop","uid"`), "our own, once each")
	checkpoint, there := i.get(t, "/api/v1/namespaces/monitoring/configmaps/packetboat-kubernetes-event-exporter")
	require.True(t, there)
	assert.NotEmpty(t, checkpoint.at(t, "data", "checkpoint.json"))

	_, err := client.Do(t.Context(), http.MethodDelete, "/apis/rbac.authorization.k8s.io/v1/namespaces/monitoring/rolebindings/event-exporter-checkpoint", kube.JSON, nil)
	require.NoError(t, err)
	assert.Contains(t, watch(t, options), "THE CHECKPOINT IS KEPT IN MEMORY", "as the page says of the image alone")
}

// watch follows a cluster until it has caught up, and returns what it logged.
func watch(t *testing.T, options app.Options) (log string) {
	t.Helper()
	said, out := io.Pipe()
	options.Stderr = out
	stop, done := make(chan struct{}), make(chan error, 1)
	// It tries for ever what it has no right to.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		done <- app.Watch(ctx, options, app.WatchOptions{Grace: 5 * time.Second, Stop: stop})
		_ = out.Close()
	}()
	log = readUntil(t, said, "following the cluster", stop)
	require.NoError(t, <-done, log)
	require.Contains(t, log, "following the cluster")
	return log
}
