// Command local runs the control plane for demo and tests by hand: build, up, down, demo, load. Everything it writes is
// in the repository's .local folder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/load"
)

const usage = `usage: local COMMAND [flags]

  build   build the servers, if needed
  up      start etcd and Kubernetes on loopback, write .local/kubeconfig
  down    stop what "up" started, remove its data
  demo    create a Deployment, so that controllers write events; each call makes new ones
  load    write many events in namespace "load"

flags:
`

type flags struct {
	eventTTL, compactionInterval time.Duration
	kubeconfig                   string
	count                        int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	set := flag.NewFlagSet("local", flag.ExitOnError)
	var f flags
	set.DurationVar(&f.eventTTL, "event-ttl", 0, "up: how long events are kept (default 1h)")
	set.DurationVar(&f.compactionInterval, "compaction-interval", 0, "up: how often history is compacted (default 5m)")
	set.StringVar(&f.kubeconfig, "kubeconfig", "", "demo, load: the cluster to write to (default .local/kubeconfig)")
	set.IntVar(&f.count, "count", 1000, "load: how many events")
	set.Usage = func() {
		fmt.Fprint(set.Output(), usage)
		set.PrintDefaults()
	}
	if len(args) == 0 {
		set.Usage()
		return errors.New("no command given")
	}
	_ = set.Parse(args[1:]) // Exits on error.
	root, err := local.RepoRoot()
	if err != nil {
		return err
	}
	switch args[0] {
	case "build":
		binary, err := local.Build(ctx, root, os.Stdout)
		if err == nil {
			fmt.Println(binary)
		}
		return err
	case "up":
		options := local.Options{EventTTL: f.eventTTL, CompactionInterval: f.compactionInterval, Controllers: true}
		_, err := local.Up(ctx, root, options, os.Stdout)
		return err
	case "down":
		return local.Down(ctx, root, os.Stdout)
	case "demo", "load":
		return write(ctx, root, args[0], f)
	default:
		set.Usage()
		return fmt.Errorf("unknown command %q", args[0])
	}
}

// write never looks at the variable KUBECONFIG: nobody's own cluster is written to without being named.
func write(ctx context.Context, root, command string, f flags) error {
	if f.kubeconfig == "" {
		f.kubeconfig = filepath.Join(root, local.StateDir, "kubeconfig")
	}
	client, err := kube.FromFile(f.kubeconfig)
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	defer client.Close()
	if command == "demo" {
		return demo(ctx, client, os.Stdout)
	}
	if err := load.Namespace(ctx, client, "load"); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	began := time.Now()
	if _, err := load.Create(ctx, client, "load", f.count); err != nil {
		return err
	}
	fmt.Printf("load: wrote %d events in %s\n", f.count, time.Since(began).Round(time.Millisecond))
	return nil
}
