package dist

import (
	"archive/tar"
	"crypto/x509"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/dist/image"
)

// testImage publishes an image, gets it back and runs what is in it.
func testImage(t *testing.T, b *Builder) {
	server := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(slog.NewLogLogger(slog.DiscardHandler, 0))))
	defer server.Close()
	repository := strings.TrimPrefix(server.URL, "http://") + "/packetboat"

	c, err := b.assemble(t.Context(), "packetboat", commandPackage, runtime.GOARCH)
	require.NoError(t, err)
	digest, err := image.Push(t.Context(), repository+":v1.2.3", c.index, c.parts)
	require.NoError(t, err)
	again, err := b.assemble(t.Context(), "packetboat", commandPackage, runtime.GOARCH)
	require.NoError(t, err)
	same, err := again.index.Digest()
	require.NoError(t, err)
	assert.Equal(t, digest, same.String(), "two builds have the same digest")
	assert.Equal(t, c.parts, again.parts)

	ref, err := name.ParseReference(repository + ":v1.2.3")
	require.NoError(t, err)
	index, err := remote.Index(ref)
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))
	pulled, err := remote.Image(ref, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}))
	require.NoError(t, err)
	testConfig(t, pulled)
	testReferrer(t, pulled, ref, c.parts[runtime.GOARCH])
	testFiles(t, pulled)
}

// testFunctionImage: Cloud Run starts the function's server, not the command.
func testFunctionImage(t *testing.T, b *Builder) {
	c, err := b.assemble(t.Context(), "packetboat-function", functionPackage, runtime.GOARCH)
	require.NoError(t, err)
	manifest, err := c.index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	made, err := c.index.Image(manifest.Manifests[0].Digest)
	require.NoError(t, err)
	config, err := made.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, []string{"/packetboat-function"}, config.Config.Entrypoint)
	dir := t.TempDir()
	unpack(t, made, "packetboat-function", dir)
	built, err := buildinfo.ReadFile(filepath.Join(dir, "packetboat-function"))
	require.NoError(t, err)
	assert.Equal(t, "github.com/packetboat/packetboat/entrypoints/cloudfunction/cmd", built.Path)
}

func testConfig(t *testing.T, pulled v1.Image) {
	config, err := pulled.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, "linux/"+runtime.GOARCH, config.Platform().String())
	assert.Equal(t, "65532:65532", config.Config.User)
	assert.Equal(t, []string{"/packetboat"}, config.Config.Entrypoint)
	assert.Empty(t, config.Config.Cmd)
	assert.True(t, config.Created.Equal(commit()))
	for key, want := range map[string]string{
		"version": "v1.2.3", "revision": "0123456789abcdef", "created": "2026-11-23T12:00:00Z", "licenses": "Apache-2.0",
		"source": "https://github.com/packetboat/packetboat", "title": "packetboat",
	} {
		assert.Equal(t, want, config.Config.Labels["org.opencontainers.image."+key], key)
	}
}

// testReferrer finds the list of parts where scanners look for it.
func testReferrer(t *testing.T, pulled v1.Image, ref name.Reference, list []byte) {
	digest, err := pulled.Digest()
	require.NoError(t, err)
	referrers, err := remote.Referrers(ref.Context().Digest(digest.String()))
	require.NoError(t, err)
	manifest, err := referrers.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	assert.EqualValues(t, image.SPDX, manifest.Manifests[0].ArtifactType)
	found, err := remote.Image(ref.Context().Digest(manifest.Manifests[0].Digest.String()))
	require.NoError(t, err)
	layers, err := found.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 1)
	r, err := layers[0].Compressed()
	require.NoError(t, err)
	defer r.Close()
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.JSONEq(t, string(list), string(content))

	var spdx struct {
		Packages []struct{ Name, VersionInfo string }
	}
	require.NoError(t, json.Unmarshal(content, &spdx))
	var parts []string
	for _, p := range spdx.Packages {
		parts = append(parts, p.Name)
		assert.NotEmpty(t, p.VersionInfo, p.Name)
	}
	for _, want := range []string{"packetboat", "stdlib", "k8s.io/client-go", "golang.org/x/crypto/x509roots/fallback", "stdlib/lib/time"} {
		assert.Contains(t, parts, want)
	}
	assert.NotContains(t, parts, "github.com/stretchr/testify", "it is not linked")
}

// testFiles unpacks the image and runs the program as a container would: in its
// own root, as a user that owns nothing there, with nothing to write to.
func testFiles(t *testing.T, pulled v1.Image) {
	dir := t.TempDir()
	unpack(t, pulled, "packetboat", dir)
	pem, err := os.ReadFile(filepath.Join(dir, "etc/ssl/certs/ca-certificates.crt"))
	require.NoError(t, err)
	assert.True(t, x509.NewCertPool().AppendCertsFromPEM(pem))
	assert.Greater(t, strings.Count(string(pem), "BEGIN CERTIFICATE"), 100)

	// A template that needs a time zone, which is not in the program.
	const config = `receivers: [{name: out, stdout: {layout: {at: '{{ dateInZone "15:04" now "Europe/Berlin" }}'}}}]
route: {routes: [{match: [{receiver: out}]}]}
`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o644))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "tmp")))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "home")))
	for want, args := range map[string][]string{
		"packetboat version v1.2.3": {"--version"},
		"Exit codes:":               {"--help"},
		"config.yaml":               {"check", "--config", "/config.yaml"},
	} {
		said, err := inside(t, dir, args...).CombinedOutput()
		require.NoError(t, err, "%s", said)
		assert.Contains(t, string(said), want)
	}
}

// inside runs the program in the image's root if this test may do so, else with
// nothing to write to in this one.
func inside(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		for i, arg := range args {
			if arg == "/config.yaml" {
				args[i] = filepath.Join(dir, arg)
			}
		}
		cmd := exec.Command(filepath.Join(dir, "packetboat"), args...)
		cmd.Dir, cmd.Env = "/", []string{"HOME=/nonexistent", "TMPDIR=/nonexistent", "ZONEINFO=" + filepath.Join(dir, "usr/share/zoneinfo")}
		return cmd
	}
	for parent := dir; parent != "/"; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		require.NoError(t, err)
		if info.Mode().Perm()&0o001 == 0 && strings.HasPrefix(parent, os.TempDir()+"/") {
			require.NoError(t, os.Chmod(parent, info.Mode().Perm()|0o011))
		}
	}
	cmd := exec.Command("/packetboat", args...)
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: 65532, Gid: 65532, NoSetGroups: true}}
	return cmd
}

func unpack(t *testing.T, from v1.Image, program, dir string) {
	t.Helper()
	files := mutate.Extract(from)
	defer files.Close()
	var names []string
	for r := tar.NewReader(files); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		names = append(names, h.Name)
		assert.True(t, h.ModTime.Equal(commit()), h.Name)
		path := filepath.Join(dir, h.Name)
		if h.Typeflag == tar.TypeDir {
			require.NoError(t, os.MkdirAll(path, 0o755))
			continue
		}
		assert.Zero(t, h.Mode&0o022, "%s can be written by others", h.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, content, os.FileMode(h.Mode)))
	}
	for _, want := range []string{program, "etc/passwd", "etc/group", "usr/share/zoneinfo/Europe/Berlin"} {
		assert.True(t, slices.Contains(names, want), want)
	}
}
