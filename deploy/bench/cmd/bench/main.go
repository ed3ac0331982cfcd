// Command bench starts a control plane, writes events and prints what reading
// them takes: packetboat beside a bare client-go reader.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/packetboat/packetboat/deploy/bench"
	"github.com/packetboat/packetboat/deploy/local"
)

func main() {
	events := flag.Int("events", 100_000, "events to write, about 1,400 a second")
	rounds := flag.Int("rounds", 3, "how often each case runs; medians are printed")
	idle := flag.Duration("idle", time.Minute, "how long an idle watch is measured, 0: not at all")
	file := flag.String("json", "", "write the figures to this file too")
	docs := flag.Bool("record", false, "write them into deploy/bench: README.md and record.json")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *events, *rounds, *idle, *file, *docs)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, events, rounds int, idle time.Duration, file string, docs bool) error {
	root, err := local.RepoRoot()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	suite := &bench.Suite{
		Packetboat: filepath.Join(root, "bin", "packetboat"), Reader: filepath.Join(dir, "reader"), Dir: dir, Events: events, Rounds: rounds,
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", suite.Reader, "./deploy/bench/cmd/reader")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the bare reader: %w\n%s", err, out)
	}
	binary, err := local.Build(ctx, root, os.Stderr)
	if err != nil {
		return err
	}
	// The history of a round must outlive it.
	suite.Cluster, err = local.Start(ctx, local.Options{Binary: binary, Dir: filepath.Join(dir, "cluster"), CompactionInterval: time.Hour, EventTTL: 6 * time.Hour})
	if err != nil {
		return err
	}
	defer suite.Cluster.Stop()
	fmt.Fprintf(os.Stderr, "writing %d events\n", events)
	record, err := suite.Record(ctx, idle)
	if err != nil {
		return err
	}
	fmt.Print(record.Table())
	if docs {
		if err := record.Document(filepath.Join(root, "deploy", "bench")); err != nil {
			return err
		}
	}
	if file == "" {
		return nil
	}
	return record.Write(file)
}
