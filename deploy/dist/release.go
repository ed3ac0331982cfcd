package dist

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/packetboat/packetboat/deploy/dist/image"
	"github.com/packetboat/packetboat/deploy/dist/sbom"
)

// contents is an image and what is in it, by kind of processor.
type contents struct {
	index v1.ImageIndex
	parts map[string][]byte
}

// image writes the image of a program as NAME-image.tar, and beside it what is in
// it.
func (b *Builder) image(name, program string) artefact {
	return artefact{name + "-image.tar", func(ctx context.Context, path string) error {
		return b.writeImage(ctx, path, name, program)
	}}
}

func (b *Builder) writeImage(ctx context.Context, path, name, program string) error {
	c, err := b.assemble(ctx, name, program, arches...)
	if err != nil {
		return err
	}
	for arch, list := range c.parts {
		if err := os.WriteFile(filepath.Join(b.Out, name+"-image-"+arch+".spdx.json"), list, 0o644); err != nil {
			return err
		}
	}
	if err := image.WriteArchive(path, c.index, b.Version, b.Time); err != nil {
		return err
	}
	if b.Push == "" {
		return nil
	}
	digest, err := image.Push(ctx, b.Push, c.index, c.parts)
	if err != nil {
		return err
	}
	b.say("pushed %s@%s", b.Push, digest)
	return nil
}

// assemble makes the image of a program.
func (b *Builder) assemble(ctx context.Context, name, program string, arches ...string) (contents, error) {
	go1, err := b.toolchain(ctx)
	if err != nil {
		return contents{}, err
	}
	o := image.Options{
		Name: name, Version: b.Version, Revision: b.Revision, Time: b.Time,
		ZoneInfo: filepath.Join(go1.GOROOT, "lib/time/zoneinfo.zip"),
	}
	with, err := b.baseParts(ctx, go1)
	if err != nil {
		return contents{}, err
	}
	if b.Base != "" {
		if o.Base, err = image.Pull(ctx, b.Base); err != nil {
			return contents{}, err
		}
	}
	c := contents{parts: map[string][]byte{}}
	var programs []image.Program
	for _, arch := range arches {
		binary, err := b.binaries.path(ctx, target{program, b.ImageTags, arch})
		if err != nil {
			return contents{}, err
		}
		programs = append(programs, image.Program{Arch: arch, Path: binary})
		if c.parts[arch], err = sbom.Of(binary, sbom.Options{Name: name, Version: b.Version, Time: b.Time, With: with}); err != nil {
			return contents{}, err
		}
	}
	c.index, err = image.New(o, programs...)
	return c, err
}

type toolchain struct{ GOROOT, GOVERSION string }

func (b *Builder) toolchain(ctx context.Context) (t toolchain, err error) {
	text, err := b.ask(ctx, "go", "env", "-json", "GOROOT", "GOVERSION")
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(text, &t); err != nil {
		return t, fmt.Errorf("go env: %w", err)
	}
	return t, nil
}

// baseParts are what the base holds.
func (b *Builder) baseParts(ctx context.Context, go1 toolchain) ([]sbom.Part, error) {
	if b.Base != "" {
		name, digest, _ := strings.Cut(b.Base, "@")
		return []sbom.Part{{Name: name, Version: digest, PURL: "pkg:oci/base@" + strings.ReplaceAll(digest, ":", "%3A") + "?repository_url=" + name}}, nil
	}
	const roots = "golang.org/x/crypto/x509roots/fallback"
	version, err := b.ask(ctx, "go", "list", "-m", "-f", "{{.Version}}", roots)
	if err != nil {
		return nil, err
	}
	release := strings.TrimPrefix(go1.GOVERSION, "go")
	return []sbom.Part{
		sbom.Module(roots, strings.TrimSpace(string(version))),
		sbom.Module("stdlib/lib/time", release),
	}, nil
}

// ask runs a command for its output, in the tree.
func (b *Builder) ask(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = b.Root, append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, args[0], err)
	}
	return text, nil
}
