package kustomize_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app"
)

// testNamespaces reads only some namespaces, with no more than the rights that
// are printed for that. Two runs: the second one replays where one namespace is read.
func testNamespaces(t *testing.T, binary string) {
	w := newWorld(t, local.Options{})
	localtest.WriteEvents(t, w.Cluster, "shop", 20)
	for name, c := range map[string]struct{ read, mode string }{
		"one":              {"namespace: shop\n", app.ModeRun},
		"one followed":     {"namespace: shop\n", app.ModeWatch},
		"several":          {"source: {namespaces: [shop, default]}\n", app.ModeRun},
		"several followed": {"source: {namespaces: [shop, default]}\n", app.ModeWatch},
	} {
		t.Run(name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "config.yaml")
			text := c.read + configured(t, "base/config.yaml", "file: {path: "+config+".out}")
			require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
			objects := generate(t, config, c.mode)
			w.apply(t, objects...)
			for _, in := range []string{namespace, "shop", "default", "kube-system"} {
				w.settles(t, in, listed(t, objects, in))
			}
			var said string
			if c.mode == app.ModeWatch {
				watch := w.command(t, binary, "watch", "--config", config, "--metrics-address=").begin(t)
				watch.says(t, "following the cluster")
				require.Equal(t, 0, watch.stop(t), "%s", watch.said())
				said = watch.said()
			}
			for range 2 {
				run := w.command(t, binary, "run", "--config", config)
				require.Equal(t, 0, run.run(t), "%s", &run.stderr)
				said += run.stderr.String()
			}
			for _, complaint := range []string{`"level":"WARN"`, `"level":"ERROR"`, "forbidden", "grant", "no marker"} {
				assert.NotContains(t, said, complaint)
			}
			for _, o := range objects {
				w.remove(t, o.path())
			}
		})
	}
}

// command is the binary as the ServiceAccount, where its pod would be.
func (w world) command(t *testing.T, binary string, args ...string) *container {
	t.Helper()
	c := &container{Cmd: exec.CommandContext(t.Context(), binary, args...)}
	c.Env = []string{"KUBECONFIG=" + w.as(t, account), "POD_NAMESPACE=" + namespace, "POD_NAME=test"}
	c.Stdout, c.Stderr = &c.stdout, &c.stderr
	return c
}
