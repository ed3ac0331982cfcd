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
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/load"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app"
)

const repository = "../.."

// Pages for users: the first three are whole, of the others the commands are looked at.
var pages = []string{
	"README.md", "core/config/README.md", "entrypoints/packetboat/README.md",
	"deploy/fleets/README.md", "deploy/helm/packetboat/README.md", "deploy/kustomize/README.md", "deploy/migrate/README.md",
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, name))
	require.NoError(t, err)
	return string(text)
}

// blocks gives the fenced blocks of pages whose info string is the given one,
// such as "yaml config".
func blocks(t *testing.T, info string, pages ...string) []string {
	t.Helper()
	var blocks []string
	fence := regexp.MustCompile("(?ms)^ *```" + regexp.QuoteMeta(info) + "\n(.*?)^ *```$")
	for _, name := range pages {
		for _, found := range fence.FindAllStringSubmatch(page(t, name), -1) {
			blocks = append(blocks, found[1])
		}
	}
	require.NotEmpty(t, blocks, info)
	return blocks
}

// commands gives the lines of the pages' sh blocks, without comments and redirections.
func commands(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, block := range blocks(t, "sh", pages...) {
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(line, " #")
			line, _, _ = strings.Cut(line, " > ")
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
	for _, block := range blocks(t, "yaml config", pages[:3]...) {
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
	makefile := page(t, "Makefile")
	for _, name := range pages {
		for _, target := range regexp.MustCompile("(?m)(?:^|`)make ([a-z][a-z-]*)").FindAllStringSubmatch(page(t, name), -1) {
			assert.Regexp(t, `(?m)^`+target[1]+`:`, makefile, name)
		}
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

// TestReadmeRuns with the README's configuration, and then follows with that of
// the page about the command. With which rights is deploy/kustomize's to test.
func TestReadmeRuns(t *testing.T) {
	cluster := localtest.Start(t, local.Options{})
	require.NoError(t, load.Namespace(t.Context(), cluster.Client(), "monitoring"))
	localtest.WriteEvents(t, cluster, "shop", 3)
	for i, want := range []struct {
		delivered int
		read      string
	}{{3, "windows"}, {0, "replay"}} {
		report, _ := runReadme(t, cluster)
		assert.EqualValues(t, want.delivered, report.Receivers["log"].Delivered, "run %d", i)
		assert.Equal(t, want.read, report.Read, "run %d", i)
	}
	watchReadme(t, cluster)
}

func watchReadme(t *testing.T, cluster *local.Cluster) {
	t.Helper()
	t.Setenv("POD_NAMESPACE", "monitoring")
	config := blocks(t, "yaml config", "entrypoints/packetboat/README.md")[0]
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte("logLevel: info\n"+config), 0o600))
	stop, done := make(chan struct{}), make(chan error)
	said, log := io.Pipe()
	go func() {
		err := app.Watch(t.Context(), app.Options{
			ConfigFile: file, Kubeconfig: cluster.Kubeconfig(local.Admin), Stdout: io.Discard, Stderr: log,
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
	assert.NotContains(t, text.String(), "level=WARN")
}

// runReadme runs the README's first configuration. Its log is a file, so that
// the Report has the standard output for itself.
func runReadme(t *testing.T, cluster *local.Cluster) (report app.Report, said string) {
	t.Helper()
	t.Setenv("HOOK_TOKEN", "secret")
	dir := t.TempDir()
	config := strings.ReplaceAll(blocks(t, "yaml config", "README.md")[0], "stdout: {}", "file: {path: "+filepath.Join(dir, "events.json")+"}")
	file := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	return runReport(t, file, cluster.Kubeconfig(local.Admin))
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
