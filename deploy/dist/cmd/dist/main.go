// Command dist builds what a release of packetboat holds, in the root of the
// repository: see deploy/dist/README.md.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/packetboat/packetboat/deploy/dist"
)

func main() {
	if err := build(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func build(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := dist.Builder{Root: ".", Log: os.Stdout}
	flag.StringVar(&b.Out, "out", "dist", "the folder for what is built")
	flag.StringVar(&b.Version, "version", "", "that the programs report (default: what git says)")
	flag.StringVar(&b.Base, "base", "", "an image below a program's own layer, NAME@sha256:... (default: made here)")
	flag.StringVar(&b.ImageTags, "image-tags", "", "what is in an image: slim; slim,aws; slim,gcp (default: everything)")
	flag.StringVar(&b.Push, "push", "", "publish the one image that is built as REGISTRY/NAME:TAG")
	flag.Usage = func() {
		fmt.Fprintf(os.Stderr, "dist [flags] [FILE...]\n\nBuilds these files, all without:\n  %s\n\n", strings.Join(dist.Names(), "\n  "))
		flag.PrintDefaults()
	}
	flag.Parse()
	var err error
	if b.Time, err = commitTime(ctx); err != nil {
		return err
	}
	b.Revision = git(ctx, "rev-parse", "HEAD")
	b.Version = cmp.Or(b.Version, git(ctx, "describe", "--tags", "--always", "--dirty"), "unknown")
	return b.Build(ctx, flag.Args()...)
}

// commitTime is SOURCE_DATE_EPOCH, as https://reproducible-builds.org has it, else
// the time of the commit.
func commitTime(ctx context.Context) (time.Time, error) {
	text := cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), git(ctx, "log", "-1", "--format=%ct"))
	if text == "" {
		return time.Time{}, fmt.Errorf("this is no git repository: set SOURCE_DATE_EPOCH to the seconds since 1970 that files shall bear")
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: want seconds since 1970, got %q", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// git is what git says, "" if it says nothing.
func git(ctx context.Context, args ...string) string {
	text, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
