package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app"
)

const repository = "../.."

// readme gives the fenced blocks of the README that begin with the given info
// string, such as "yaml config".
func readme(t *testing.T, info string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "README.md"))
	require.NoError(t, err)
	var blocks []string
	fence := regexp.MustCompile("(?ms)^```" + regexp.QuoteMeta(info) + "\n(.*?)^```$")
	for _, found := range fence.FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, found[1])
	}
	require.NotEmpty(t, blocks, info)
	return blocks
}

// commands gives the lines of the README's sh blocks, without their comments.
func commands(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, block := range readme(t, "sh") {
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(line, " #")
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestReadmeConfigurations(t *testing.T) {
	t.Setenv("HOOK_TOKEN", "secret")
	files := []string{
		filepath.Join(repository, "deploy/local/demo/demo.yaml"), filepath.Join(repository, "deploy/local/demo/readonly.yaml"),
	}
	for _, block := range readme(t, "yaml config") {
		file := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(file, []byte(block), 0o600))
		files = append(files, file)
	}
	for _, file := range files {
		problems, err := app.Check(t.Context(), app.Options{ConfigFile: file, Strict: true})
		require.NoError(t, err)
		assert.Empty(t, problems, file)
	}
}

func TestReadmeCommands(t *testing.T) {
	found := 0
	for _, line := range commands(t) {
		for part := range strings.SplitSeq(line, "|") {
			args, ours := strings.CutPrefix(strings.TrimSpace(part), "packetboat ")
			if !ours {
				continue
			}
			found++
			c := &command{stdout: io.Discard, stderr: io.Discard}
			root := c.root()
			root.InitDefaultCompletionCmd()
			sub, flags, err := root.Find(strings.Fields(args))
			require.NoError(t, err, line)
			require.True(t, sub.Runnable(), line)
			require.NoError(t, sub.ParseFlags(flags), line)
			require.NoError(t, sub.ValidateArgs(sub.Flags().Args()), line)
		}
	}
	assert.Positive(t, found)
}

func TestReadmeMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(repository, "README.md"))
	require.NoError(t, err)
	named := regexp.MustCompile("(?m)(?:^|`)make ([a-z][a-z-]*)").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, named)
	for _, name := range named {
		assert.Regexp(t, `(?m)^`+name[1]+`:`, string(makefile))
	}
}

// A KUBECONFIG that is only exported may be anybody's production.
func TestMakeRunUsesOnlyAClusterThatIsNamed(t *testing.T) {
	show := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "make", append([]string{"-C", repository, "--dry-run", "run"}, args...)...)
		cmd.Env = append(os.Environ(), "KUBECONFIG=/exported", "MAKEFLAGS=", "MAKELEVEL=")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	assert.NotContains(t, show(), "/exported")
	assert.Contains(t, show("KUBECONFIG=/named"), "demo.sh '/named'")
}

// TestReadmeManifests applies the manifests to a real API server and runs with
// exactly their rights.
func TestReadmeManifests(t *testing.T) {
	cluster := localtest.Start(t, local.Options{})
	paths := map[string]string{
		"Namespace":          "/api/v1/namespaces/",
		"ServiceAccount":     "/api/v1/namespaces/monitoring/serviceaccounts/",
		"ClusterRole":        "/apis/rbac.authorization.k8s.io/v1/clusterroles/",
		"ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/",
		"Role":               "/apis/rbac.authorization.k8s.io/v1/namespaces/monitoring/roles/",
		"RoleBinding":        "/apis/rbac.authorization.k8s.io/v1/namespaces/monitoring/rolebindings/",
		"CronJob":            "/apis/batch/v1/namespaces/monitoring/cronjobs/",
		"Deployment":         "/apis/apps/v1/namespaces/monitoring/deployments/",
	}
	manifests := yaml.NewDecoder(strings.NewReader(strings.Join(readme(t, "yaml manifest"), "---\n")))
	for applied := 0; ; applied++ {
		var object map[string]any
		err := manifests.Decode(&object)
		if err == io.EOF { //nolint:errorlint // Decode returns it bare
			require.Equal(t, len(paths)+2, applied, "two Roles and two RoleBindings")
			break
		}
		require.NoError(t, err)
		kind, name := object["kind"].(string), object["metadata"].(map[string]any)["name"].(string)
		if _, binding := object["subjects"]; binding {
			object["subjects"] = []any{map[string]any{"kind": "User", "name": string(local.Packetboat)}}
		}
		require.Contains(t, paths, kind)
		require.NoError(t, cluster.Client().Apply(t.Context(), paths[kind]+name, object), "%s %s", kind, name)
	}
	localtest.WriteEvents(t, cluster, "shop", 3)
	for i, want := range []struct {
		delivered int
		read      string
	}{{3, "windows"}, {0, "replay"}} {
		report, said := runReadme(t, cluster)
		require.NotContains(t, said, "kube-system")
		require.NotContains(t, said, "no marker is written")
		assert.EqualValues(t, want.delivered, report.Receivers["archive"].Delivered, "run %d", i)
		assert.Equal(t, want.read, report.Read, "run %d", i)
	}
	watchReadme(t, cluster)
}

// watchReadme follows with the README's configuration for that, and exactly the
// rights of its manifests.
func watchReadme(t *testing.T, cluster *local.Cluster) {
	t.Helper()
	t.Setenv("POD_NAMESPACE", "monitoring")
	blocks := readme(t, "yaml config")
	at := slices.IndexFunc(blocks, func(block string) bool { return strings.Contains(block, "commitInterval") })
	require.GreaterOrEqual(t, at, 0)
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte("logLevel: info\n"+blocks[at]), 0o600))
	stop, done := make(chan struct{}), make(chan error)
	said, log := io.Pipe()
	go func() {
		err := app.Watch(t.Context(), app.Options{
			ConfigFile: file, Kubeconfig: cluster.Kubeconfig(local.Packetboat), Stdout: io.Discard, Stderr: log,
		}, app.WatchOptions{MetricsAddress: "127.0.0.1:0", Grace: 5 * time.Second, Stop: stop})
		_ = log.Close()
		done <- err
	}()
	var text strings.Builder
	for lines := bufio.NewScanner(said); lines.Scan(); {
		fmt.Fprintln(&text, lines.Text())
		if strings.Contains(lines.Text(), "following the cluster") {
			close(stop) // it is said once
		}
	}
	require.NoError(t, <-done, text.String())
	require.Contains(t, text.String(), "following the cluster")
	for _, want := range []string{"configmaps", "leases", "kube-system", "marker", "cannot list", "cannot watch"} {
		assert.NotContains(t, text.String(), want)
	}
}

// runReadme runs the README's first configuration, writing to a folder of the test.
func runReadme(t *testing.T, cluster *local.Cluster) (report app.Report, said string) {
	t.Helper()
	t.Setenv("HOOK_TOKEN", "secret")
	dir := t.TempDir()
	config := strings.ReplaceAll(readme(t, "yaml config")[0], "/var/lib/packetboat/events.json", filepath.Join(dir, "events.json"))
	file := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	return runReport(t, file, cluster.Kubeconfig(local.Packetboat))
}

func runReport(t *testing.T, config, kubeconfig string) (report app.Report, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := execute([]string{"run", "--config", config, "--kubeconfig", kubeconfig, "--output", "json"},
		strings.NewReader(""), &stdout, &stderr)
	require.Equal(t, app.ExitDone, code, stderr.String())
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &report), stdout.String())
	return report, stderr.String()
}

// TestDemoWritesNothingToYourCluster: make run KUBECONFIG=... is made for
// clusters that are somebody's production.
func TestDemoWritesNothingToYourCluster(t *testing.T) {
	config, err := filepath.Abs(filepath.Join(repository, "deploy/local/demo/readonly.yaml"))
	require.NoError(t, err)
	cluster := localtest.Start(t, local.Options{AuditLog: true})
	localtest.WriteEvents(t, cluster, "shop", 3)
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir(".local", 0o755))
	for i, want := range []int{3, 0} {
		report, _ := runReport(t, config, cluster.Kubeconfig(local.Admin))
		assert.EqualValues(t, want, report.Receivers["screen"].Delivered, "run %d", i)
	}
	audit, err := os.ReadFile(cluster.AuditLog())
	require.NoError(t, err)
	requests := 0
	for line := range bytes.Lines(audit) {
		var request struct{ Verb, UserAgent, RequestURI string }
		require.NoError(t, json.Unmarshal(line, &request))
		if strings.HasPrefix(request.UserAgent, "packetboat/") {
			requests++
			assert.Contains(t, []string{"list", "get", "watch"}, request.Verb, request.RequestURI)
		}
	}
	assert.Positive(t, requests)
}
