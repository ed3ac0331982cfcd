package dist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

const (
	commandPackage  = "./entrypoints/packetboat"
	lambdaPackage   = "./entrypoints/lambda"
	functionPackage = "./entrypoints/cloudfunction/cmd"
)

// target is a program, as it is built.
type target struct{ pkg, tags, arch string }

// allTags are those that the target says and those that it always has.
func (t target) allTags() string {
	// The Cloud Storage client's way over gRPC, which nothing here uses, would
	// bring Envoy's API: 13 MB of the binary.
	tags := []string{"disable_grpc_modules"}
	if t.tags != "" {
		tags = append(tags, t.tags)
	}
	if t.pkg == lambdaPackage {
		tags = append(tags, "lambda.norpc") // the protocol of a runtime that is gone
	}
	return strings.Join(tags, ",")
}

// env is what decides about the bytes and may be set otherwise on a machine.
func (t target) env() []string {
	return []string{
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + t.arch, "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=", "GOEXPERIMENT=", "GODEBUG=", "GOFIPS140=off", "GOWORK=off",
	}
}

// binaries builds each program once, whoever asks for it and how often.
type binaries struct {
	root, dir, version string

	mu    sync.Mutex
	built map[target]*binary
}

type binary struct {
	once sync.Once
	path string
	err  error
}

// path is where the program is.
func (b *binaries) path(ctx context.Context, t target) (string, error) {
	b.mu.Lock()
	one := b.built[t]
	if one == nil {
		one = &binary{}
		b.built[t] = one
	}
	b.mu.Unlock()
	one.once.Do(func() {
		name := strings.NewReplacer("/", "_", ".", "", ",", "-").Replace(t.pkg + "-" + t.tags + "-" + t.arch)
		one.path = filepath.Join(b.dir, name)
		one.err = b.build(ctx, t, one.path)
	})
	return one.path, one.err
}

// build leaves out what git says about the tree: the same sources give the same
// bytes, whether they come from git or from an archive. The version has the commit.
func (b *binaries) build(ctx context.Context, t target, path string) error {
	return run(ctx, b.root, t.env(), "go", "build", "-trimpath", "-buildvcs=false", "-tags", t.allTags(),
		"-ldflags", "-s -w -buildid= -X main.version="+b.version, "-o", path, t.pkg)
}

// command is the program itself.
func (b *Builder) command(name string, t target) artefact {
	return artefact{name, func(ctx context.Context, path string) error {
		built, err := b.binaries.path(ctx, t)
		if err != nil {
			return err
		}
		return copyFile(path, built)
	}}
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// run runs a command; its error has what the command said.
func run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, append(os.Environ(), env...), &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, args[0], err, said.Bytes())
	}
	return nil
}
