// Package image puts programs into a container image for several processors,
// without Docker and without a registry, and publishes it.
//
// The same programs, options and Go release give the same digests. An image runs
// as a user that is not root and needs nothing to write to. Nothing is retried
// but by the registry's client. All functions may be called concurrently.
package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Program is what an image has for one kind of processor.
type Program struct {
	Arch string // as GOARCH
	Path string // of the binary
}

// Options say what an image is made of and what it says about itself.
type Options struct {
	Name     string // of the program: /NAME in the image
	Version  string
	Revision string // the commit, may be ""
	Time     time.Time
	ZoneInfo string // Go's lib/time/zoneinfo.zip
	// Base is an image for several processors, or nil for the base of this package.
	Base v1.ImageIndex
}

// New makes an image of all programs.
func New(o Options, programs ...Program) (v1.ImageIndex, error) {
	if len(programs) == 0 {
		return nil, errors.New("make image: there is no program")
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range programs {
		one, err := o.one(p)
		if err != nil {
			return nil, fmt.Errorf("make image for %s: %w", p.Arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: one, Descriptor: v1.Descriptor{Platform: platform(p.Arch)},
		})
	}
	return mutate.Annotations(index, o.labels()).(v1.ImageIndex), nil
}

func platform(arch string) *v1.Platform { return &v1.Platform{OS: "linux", Architecture: arch} }

// one is the image for one kind of processor.
func (o Options) one(p Program) (v1.Image, error) {
	below, err := o.below(p.Arch)
	if err != nil {
		return nil, err
	}
	binary, err := os.ReadFile(p.Path)
	if err != nil {
		return nil, fmt.Errorf("read the program: %w", err)
	}
	layer, err := layerOf([]file{{name: o.Name, mode: 0o755, body: binary}}, o.Time)
	if err != nil {
		return nil, err
	}
	image, err := mutate.Append(below, mutate.Addendum{Layer: layer, History: o.history("the program")})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", p.Arch, v1.Time{Time: o.Time.UTC()}
	config.Config.User, config.Config.WorkingDir = User, "/home/nonroot"
	config.Config.Entrypoint, config.Config.Cmd = []string{"/" + o.Name}, nil
	config.Config.Env = []string{"PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"}
	config.Config.Labels = o.labels()
	return mutate.ConfigFile(image, config)
}

// below is the image under the program's own layer.
func (o Options) below(arch string) (v1.Image, error) {
	if o.Base != nil {
		return childFor(o.Base, arch)
	}
	layer, err := base(o.ZoneInfo, o.Time)
	if err != nil {
		return nil, err
	}
	scratch := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	return mutate.Append(scratch, mutate.Addendum{Layer: layer, History: o.history("certificates, time zones, users")})
}

func (o Options) history(what string) v1.History {
	return v1.History{Created: v1.Time{Time: o.Time.UTC()}, CreatedBy: "packetboat/deploy/dist", Comment: what}
}

// childFor is the part of an index for a kind of processor.
func childFor(index v1.ImageIndex, arch string) (v1.Image, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(manifest.Manifests, func(d v1.Descriptor) bool {
		return d.Platform != nil && d.Platform.OS == "linux" && d.Platform.Architecture == arch
	})
	if i < 0 {
		return nil, fmt.Errorf("the base has nothing for linux/%s", arch)
	}
	return index.Image(manifest.Manifests[i].Digest)
}

// labels are those of the OCI image specification.
func (o Options) labels() map[string]string {
	const of, repository = "org.opencontainers.image.", "https://github.com/packetboat/packetboat"
	labels := map[string]string{
		of + "title": o.Name, of + "version": o.Version, of + "created": o.Time.UTC().Format(time.RFC3339),
		of + "description": "Carries Kubernetes events to where people and systems need them, in batches and without loss",
		of + "url":         repository, of + "source": repository, of + "documentation": repository + "#readme",
		of + "licenses": "Apache-2.0", of + "vendor": "packetboat",
	}
	if o.Revision != "" {
		labels[of+"revision"] = o.Revision
	}
	return labels
}

// layerOf is a layer of files, compressed once.
func layerOf(files []file, t time.Time) (v1.Layer, error) {
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for _, f := range withFolders(files) {
		if err := w.WriteHeader(f.header(t)); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil },
		tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching, tarball.WithMediaType(types.OCILayer))
}
