package local

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStopLeavesNoProcess(t *testing.T) {
	dir := t.TempDir()
	cluster, err := Start(t.Context(), Options{Binary: builtBinary(t), Dir: dir, Controllers: true})
	require.NoError(t, err)
	for _, name := range cluster.servers() {
		requireHeld(t, dir, name, true)
	}
	cluster.Stop()
	cluster.Stop()
	for _, name := range cluster.servers() {
		requireHeld(t, dir, name, false)
	}
}

// TestKilledStarter starts this test program a second time, as a process that starts a cluster, and kills it.
func TestKilledStarter(t *testing.T) {
	const variable = "LOCAL_TEST_STARTER_DIR"
	if dir := os.Getenv(variable); dir != "" {
		_, err := Start(t.Context(), Options{Binary: builtBinary(t), Dir: dir})
		require.NoError(t, err)
		_, _ = os.Stdout.WriteString("ready\n")
		select {}
	}
	dir := t.TempDir()
	starter := exec.Command(os.Args[0], "-test.run=^TestKilledStarter$")
	starter.Env = append(os.Environ(), variable+"="+dir)
	output, err := starter.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, starter.Start())
	said := make([]byte, len("ready\n"))
	_, err = io.ReadFull(output, said)
	require.NoError(t, err)
	require.Equal(t, "ready\n", string(said))
	requireHeld(t, dir, APIServer, true)

	require.NoError(t, starter.Process.Kill())
	_ = starter.Wait()
	for _, name := range []Server{Etcd, APIServer} {
		require.Eventually(t, func() bool {
			alive, err := held(pidFile(dir, name))
			return err == nil && !alive
		}, time.Minute, 10*time.Millisecond, "%s outlives its starter", name)
	}
}

func TestKillHolderSparesAReusedProcessID(t *testing.T) {
	file := filepath.Join(t.TempDir(), "etcd.pid")
	require.NoError(t, os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0o644))
	require.NoError(t, killHolder(t.Context(), file)) // We are still here: nobody holds the lock.
}

func TestUpAndDown(t *testing.T) {
	root := t.TempDir()
	binary := builtBinary(t)
	repo, err := RepoRoot()
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(root, StateDir), 0o755))
	require.NoError(t, os.Symlink(filepath.Join(repo, "deploy"), filepath.Join(root, "deploy")))
	require.NoError(t, os.Symlink(filepath.Dir(binary), filepath.Join(root, StateDir, "bin")))
	t.Cleanup(func() {
		// The test's own context is over by now.
		assert.NoError(t, Down(context.WithoutCancel(t.Context()), root, io.Discard))
	})
	up := func(options Options) string {
		var out bytes.Buffer
		kubeconfig, err := Up(t.Context(), root, options, &out)
		require.NoError(t, err, out.String())
		require.FileExists(t, kubeconfig)
		return out.String()
	}
	assert.Contains(t, up(Options{EventTTL: 10 * time.Minute}), "ready after")
	again := up(Options{})
	assert.Contains(t, again, "running already")
	assert.Contains(t, again, "event TTL 10m0s, compaction interval 5m by default")

	dir := clusterDir(root)
	require.NoError(t, killHolder(t.Context(), pidFile(dir, Etcd)))
	assert.Contains(t, up(Options{}), "ready after", "half a cluster is replaced")

	var out strings.Builder
	require.NoError(t, Down(t.Context(), root, &out))
	require.NoError(t, Down(t.Context(), root, &out))
	assert.Equal(t, "local cluster: stopped 2 servers\nlocal cluster: nothing was running\n", out.String())
	assert.NoDirExists(t, dir)
	assert.NoFileExists(t, kubeconfigFile(root))
}

func builtBinary(t *testing.T) string {
	t.Helper()
	root, err := RepoRoot()
	require.NoError(t, err)
	binary, err := Build(t.Context(), root, os.Stderr)
	require.NoError(t, err)
	return binary
}

func requireHeld(t *testing.T, dir string, name Server, want bool) {
	t.Helper()
	alive, err := held(pidFile(dir, name))
	require.NoError(t, err)
	require.Equal(t, want, alive, name)
}
