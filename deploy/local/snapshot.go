package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
)

// Snapshot saves all of etcd's data, as it is now, in a file.
func (c *Cluster) Snapshot(ctx context.Context, file string) error {
	if err := c.tool(ctx, "etcdctl", "--endpoints="+c.EtcdURL(), "snapshot", "save", file); err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	return nil
}

// Restore kills the servers, puts etcd's data back to what it was at the snapshot and starts the servers again: history
// since then has not happened, and resourceVersions are given out a second time.
func (c *Cluster) Restore(ctx context.Context, file string) error {
	servers := c.servers()
	for _, name := range slices.Backward(servers) {
		c.KillServer(name)
	}
	if err := os.RemoveAll(c.path("etcd")); err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	err := c.tool(ctx, "etcdutl", "snapshot", "restore", file, "--data-dir="+c.path("etcd"),
		"--name=default", "--initial-cluster=default="+etcdPeer, "--initial-advertise-peer-urls="+etcdPeer)
	if err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	for _, name := range servers {
		if err := c.StartServer(ctx, name); err != nil {
			return fmt.Errorf("restore snapshot: %w", err)
		}
	}
	return nil
}

func (c *Cluster) tool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, c.options.Binary, args...)
	cmd.Env = environment()
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", args[0], err, lastLines(output, 20))
	}
	return nil
}
