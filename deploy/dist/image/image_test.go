package image_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/dist/image"
)

func options() image.Options {
	return image.Options{Name: "packetboat", Version: "v1", Time: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), ZoneInfo: zoneInfo}
}

// zoneInfo is an archive of one time zone.
const zoneInfo = "testdata/zoneinfo.zip"

func programs(t *testing.T) []image.Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(path, []byte("program"), 0o600))
	return []image.Program{{Arch: "amd64", Path: path}, {Arch: "arm64", Path: path}}
}

func digest(t *testing.T, of interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	hash, err := of.Digest()
	require.NoError(t, err)
	return hash.String()
}

func registryOf(t *testing.T) (host string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// An image of somebody else below ours keeps its layers, and what it says about
// itself is ours.
func TestBase(t *testing.T) {
	var base v1.ImageIndex = empty.Index
	below := map[string]v1.Image{}
	for _, arch := range []string{"amd64", "arm64"} {
		one, err := random.Image(64, 2)
		require.NoError(t, err)
		below[arch] = one
		base = mutate.AppendManifests(base, mutate.IndexAddendum{Add: one, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	repository := registryOf(t) + "/static"
	tag, err := name.NewTag(repository + ":nonroot")
	require.NoError(t, err)
	require.NoError(t, remote.WriteIndex(tag, base))

	o := options()
	o.Base, err = image.Pull(t.Context(), repository+"@"+digest(t, base))
	require.NoError(t, err)
	index, err := image.New(o, programs(t)...)
	require.NoError(t, err)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 2)
	for i, arch := range []string{"amd64", "arm64"} {
		assert.Equal(t, arch, manifest.Manifests[i].Platform.Architecture)
		one, err := index.Image(manifest.Manifests[i].Digest)
		require.NoError(t, err)
		layers, err := one.Layers()
		require.NoError(t, err)
		require.Len(t, layers, 3)
		want, err := below[arch].Layers()
		require.NoError(t, err)
		for i := range want {
			assert.Equal(t, digest(t, want[i]), digest(t, layers[i]), "layer %d for %s", i, arch)
		}
		config, err := one.ConfigFile()
		require.NoError(t, err)
		assert.Equal(t, image.User, config.Config.User)
	}

	o.Base = empty.Index
	_, err = image.New(o, programs(t)...)
	require.ErrorContains(t, err, "make image for amd64: the base has nothing for linux/amd64")
}

// A tag may name another image tomorrow.
func TestBaseIsNamedByDigest(t *testing.T) {
	_, err := image.Pull(t.Context(), "gcr.io/distroless/static-debian12:nonroot")
	require.ErrorContains(t, err, "name it by digest, NAME@sha256:...")
}

// What is written to a file is what would be pushed, and the same each time.
func TestArchive(t *testing.T) {
	index, err := image.New(options(), programs(t)...)
	require.NoError(t, err)
	var first []byte
	for range 2 {
		path := filepath.Join(t.TempDir(), "image.tar")
		require.NoError(t, image.WriteArchive(path, index, "v1", options().Time))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		entries, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		assert.Len(t, entries, 1)
		if first == nil {
			first = text
			assert.Contains(t, string(text), digest(t, index))
			assert.Contains(t, string(text), `"imageLayoutVersion"`)
		}
		assert.Equal(t, first, text)
	}
	for r := tar.NewReader(bytes.NewReader(first)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		assert.True(t, h.ModTime.Equal(options().Time), h.Name)
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	_, err := image.New(options())
	require.ErrorContains(t, err, "there is no program")
	_, err = image.New(options(), image.Program{Arch: "amd64", Path: filepath.Join(t.TempDir(), "none")})
	require.ErrorContains(t, err, "make image for amd64: read the program: ")
	o := options()
	o.ZoneInfo = "none.zip"
	_, err = image.New(o, programs(t)...)
	require.ErrorContains(t, err, "make the base: read the time zones: ")
}
