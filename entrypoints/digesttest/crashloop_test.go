package digesttest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/proving"
)

const config = `
clusterName: hour
checkpoint: {file: {path: checkpoint.json}}
route: {match: [{receiver: people, namespace: ^shop$, component: ^kubelet$}]}
receivers:
  - name: people
    digest: {top: 3}
    slack: {token: xoxb-not-a-real-token, channel: '#alerts', apiURL: '%s/'}
`

// TestACrashLoop is an hour of a Deployment of 50 Pods that do not come up, with a
// run every five minutes, one of which is killed when Slack has its message.
func TestACrashLoop(t *testing.T) {
	cluster := localtest.Start(t, local.Options{Controllers: true})
	slack, dir := newWorkspace(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), fmt.Appendf(nil, config, slack.URL), 0o600))
	c := command{binary: proving.Build(t), dir: dir, kubeconfig: cluster.Kubeconfig(local.Admin)}
	k := newKubelet(t, cluster, deploy(t, cluster))
	c.run(t) // it begins now
	require.Empty(t, slack.messages())

	const runs, killed = 12, 5
	for round := range runs {
		require.NoError(t, k.fiveMinutes(t.Context(), round))
		before := len(slack.messages())
		if round == killed {
			c.kill(t, slack)
		} else {
			report := c.run(t)
			require.True(t, report.CaughtUp)
			require.Zero(t, report.Receivers["people"].Owed)
		}
		require.Len(t, slack.messages(), before+1, "one message for a run")
	}

	last := map[string]message{} // by its ID, as it was seen last
	for _, m := range slack.messages() {
		if first, again := last[m.id]; again {
			assert.Greater(t, m.count(t), first.count(t), "the second one contains the first")
		}
		last[m.id] = m
		t.Log(m.text)
	}
	assert.Len(t, last, runs-1, "the one that came twice came under one ID")
	told := 0
	for _, m := range last {
		told += m.count(t)
		assert.Contains(t, m.cards, "Deployment/web", "a person's name for it")
		assert.Contains(t, m.cards, "50 objects")
		assert.Contains(t, m.cards, "_and 1 more group, ")
	}
	assert.Equal(t, k.count, told, "what the kubelet has counted")
}

// command is the command with what its runs have in common.
type command struct{ binary, dir, kubeconfig string }

func (c command) prepare(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.binary, "run", "--config", "config.yaml", "--kubeconfig", c.kubeconfig, "--output", "json")
	cmd.Dir, cmd.Env = c.dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir}
	return cmd
}

func (c command) run(t *testing.T) (report run.Report) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := c.prepare(ctx).Output()
	require.NoError(t, err, "%s", out)
	require.NoError(t, json.Unmarshal(out, &report))
	return report
}

// kill makes a run that dies when its message has arrived, before it can know so.
func (c command) kill(t *testing.T, slack *workspace) {
	t.Helper()
	cmd := c.prepare(t.Context())
	arrived := make(chan struct{})
	slack.onReceived(func() {
		close(arrived)
		<-t.Context().Done()
	})
	require.NoError(t, cmd.Start())
	select {
	case <-arrived:
	case <-time.After(2 * time.Minute):
		t.Error("no message came")
	}
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	slack.onReceived(nil)
}
