// Package dist builds what a release of packetboat holds: commands, Lambda
// functions, the source of the Cloud Function, the image, and their checksums.
//
// Two builds of one commit, version and Go release give the same bytes, in
// whichever directory and on whichever machine: nothing of the clock, the
// environment or the path gets in. Nothing is retried. A Builder is used once,
// by one goroutine; it builds as many things at a time as there are processors.
package dist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Builder builds from a tree into a folder.
type Builder struct {
	Root     string    // of the repository
	Out      string    // made if it is not there
	Version  string    // that the programs report
	Revision string    // the commit, may be ""
	Time     time.Time // of the commit; of every file in an archive
	Log      io.Writer // a line for each thing that is done

	ImageTags string // of the programs in the images: slim,aws and the like
	Base      string // an image named by digest, below the program's own layer; "" is the base of package image
	Push      string // where the one image that is built is published, "" is nowhere

	binaries binaries
	saying   sync.Mutex
}

// artefact is one thing that a release holds.
type artefact struct {
	name  string // of its file
	build func(ctx context.Context, path string) error
}

// Variants are what one program is built as: the name is a part of the file's.
var variants = []struct{ name, tags string }{
	{"", ""}, {"-slim", "slim"}, {"-slim-aws", "slim,aws"}, {"-slim-gcp", "slim,gcp"},
}

var arches = []string{"amd64", "arm64"}

// artefacts are all that a release holds.
func (b *Builder) artefacts() []artefact {
	var all []artefact
	for _, arch := range arches {
		for _, v := range variants {
			all = append(all, b.command("packetboat"+v.name+"-linux-"+arch, target{commandPackage, v.tags, arch}))
		}
		all = append(all,
			b.lambda("packetboat-lambda-"+arch+".zip", target{lambdaPackage, "", arch}),
			b.lambda("packetboat-lambda-aws-"+arch+".zip", target{lambdaPackage, "slim,aws", arch}))
	}
	return append(all, b.image("packetboat", commandPackage), b.image("packetboat-function", functionPackage),
		artefact{"packetboat-function.zip", b.function})
}

// Names are the files that a release holds, beside the lists of parts and SHA256SUMS.
func Names() []string {
	var names []string
	for _, a := range (&Builder{}).artefacts() {
		names = append(names, a.name)
	}
	return names
}

// errNotHere says that this tree cannot build something.
var errNotHere = errors.New("not built")

// Build builds what only names, all without, and writes SHA256SUMS.
func (b *Builder) Build(ctx context.Context, only ...string) (err error) {
	if strings.ContainsAny(b.Version, " \t\n'\"") || b.Version == "" {
		return fmt.Errorf("build: %q cannot be a version", b.Version)
	}
	for _, name := range only {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("build %s: there is no such thing, there are %s", name, strings.Join(Names(), ", "))
		}
	}
	if b.Push != "" && (len(only) != 1 || !strings.HasSuffix(only[0], "-image.tar")) {
		return errors.New("build: to publish an image, name it and nothing else: packetboat-image.tar or packetboat-function-image.tar")
	}
	// Commands run in Root.
	if b.Out, err = filepath.Abs(b.Out); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	if err := os.MkdirAll(b.Out, 0o755); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	// Programs that only go into something else are not left behind.
	work, err := os.MkdirTemp(b.Out, ".work-")
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	b.binaries = binaries{root: b.Root, dir: work, version: b.Version, built: map[target]*binary{}}

	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for _, a := range b.artefacts() {
		if len(only) > 0 && !slices.Contains(only, a.name) {
			continue
		}
		group.Go(func() error { return b.one(ctx, a) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return WriteSums(b.Out)
}

// one builds a file that is either whole or not there.
func (b *Builder) one(ctx context.Context, a artefact) error {
	began := time.Now()
	part := filepath.Join(b.binaries.dir, a.name)
	err := a.build(ctx, part)
	switch {
	case errors.Is(err, errNotHere):
		b.say("%s: %s", a.name, err)
		return nil
	case err != nil:
		return fmt.Errorf("build %s: %w", a.name, err)
	}
	path := filepath.Join(b.Out, a.name)
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("build %s: %w", a.name, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("build %s: %w", a.name, err)
	}
	b.say("%-32s %5.1f MB %6.1f s", a.name, float64(info.Size())/1e6, time.Since(began).Seconds())
	return nil
}

func (b *Builder) say(format string, args ...any) {
	b.saying.Lock()
	defer b.saying.Unlock()
	fmt.Fprintf(b.Log, format+"\n", args...)
}

// function is the source of the Cloud Function.
func (b *Builder) function(ctx context.Context, path string) error {
	const writer = "./deploy/dist/gcfsource/cmd"
	if _, err := os.Stat(filepath.Join(b.Root, writer)); err != nil {
		return fmt.Errorf("%w: this tree has no %s", errNotHere, writer)
	}
	return run(ctx, b.Root, nil, "go", "run", writer, "-o", path, "-version", b.Version)
}
