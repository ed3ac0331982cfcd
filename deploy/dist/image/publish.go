package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// SPDX is the media type of a list of parts.
const SPDX types.MediaType = "application/spdx+json"

// Pull gets a base from its registry. It is named by digest, else two builds of
// one commit would not be the same.
func Pull(ctx context.Context, reference string) (v1.ImageIndex, error) {
	ref, err := name.NewDigest(reference)
	if err != nil {
		return nil, fmt.Errorf("pull base %s: name it by digest, NAME@sha256:...: %w", reference, err)
	}
	index, err := remote.Index(ref, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return nil, fmt.Errorf("pull base %s: %w", reference, err)
	}
	return index, nil
}

// Push publishes an image under a name, and for each kind of processor its list
// of parts as a referrer, where scanners look for it. It returns the digest.
func Push(ctx context.Context, reference string, index v1.ImageIndex, parts map[string][]byte) (string, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return "", fmt.Errorf("push image: %w", err)
	}
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	manifest, err := index.IndexManifest()
	if err != nil {
		return "", fmt.Errorf("push image: %w", err)
	}
	// First what the name does not need, so that nobody who finds the name misses the rest.
	for _, child := range manifest.Manifests {
		list := parts[child.Platform.Architecture]
		if list == nil {
			continue
		}
		referrer, err := listOf(list, child)
		if err != nil {
			return "", fmt.Errorf("push list of parts: %w", err)
		}
		digest, err := referrer.Digest()
		if err != nil {
			return "", fmt.Errorf("push list of parts: %w", err)
		}
		if err := remote.Write(ref.Context().Digest(digest.String()), referrer, options...); err != nil {
			return "", fmt.Errorf("push list of parts: %w", err)
		}
	}
	if err := remote.WriteIndex(ref, index, options...); err != nil {
		return "", fmt.Errorf("push image: %w", err)
	}
	digest, err := index.Digest()
	return digest.String(), err
}

// listOf is an artefact that refers to an image.
func listOf(list []byte, subject v1.Descriptor) (v1.Image, error) {
	empty := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), SPDX)
	image, err := mutate.AppendLayers(empty, static.NewLayer(list, SPDX))
	if err != nil {
		return nil, err
	}
	return mutate.Subject(image, v1.Descriptor{
		MediaType: subject.MediaType, Size: subject.Size, Digest: subject.Digest,
	}).(v1.Image), nil
}

// WriteArchive writes an image as an OCI layout in a tar file, which skopeo calls
// oci-archive.
func WriteArchive(path string, index v1.ImageIndex, version string, t time.Time) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".layout-")
	if err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	to, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	if err := to.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": version})); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	if err := tarOf(path, dir, t); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	return nil
}

// tarOf packs a folder; WalkDir goes in the order of the names.
func tarOf(path, dir string, t time.Time) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	w := tar.NewWriter(out)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return addFile(w, path, strings.TrimPrefix(path, dir+"/"), t)
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Close()
}

func addFile(w *tar.Writer, path, name string, t time.Time) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := file{name: filepath.ToSlash(name)}.header(t)
	h.Size = info.Size()
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
