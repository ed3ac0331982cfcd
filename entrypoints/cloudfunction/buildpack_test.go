package cloudfunction

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/dist/gcfsource"
	"github.com/packetboat/packetboat/deploy/local"
)

// sourceDir is where Google's buildpack moves the source to, below the directory
// in which the function is started.
const sourceDir = "serverless_function_source_code"

// buildpack does with the archive what
// https://github.com/GoogleCloudPlatform/buildpacks/tree/main/cmd/go/functions_framework
// does for Go 1.23 and newer, in an empty directory, without a module cache and
// without a network. It returns the binary.
func buildpack(t *testing.T, config string) string {
	t.Helper()
	root, err := local.RepoRoot()
	require.NoError(t, err)
	var archive bytes.Buffer
	require.NoError(t, gcfsource.Write(t.Context(), &archive, gcfsource.Options{
		Root: root, Tags: "disable_grpc_modules", Version: "v1.2.3-test", Config: config,
	}))
	dir := t.TempDir()
	source := filepath.Join(dir, sourceDir)
	unzip(t, archive.Bytes(), source)

	goes := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = source
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOPROXY=off", "GOMODCACHE="+filepath.Join(dir, "empty"), "GOPATH="+filepath.Join(dir, "empty"),
			"GOWORK=off", "GOFLAGS=-mod=vendor -trimpath -tags=disable_grpc_modules")
		out, err := cmd.CombinedOutput()
		require.NoErrorf(t, err, "%s", out)
		return string(bytes.TrimSpace(out))
	}
	module := goes("list", "-m")
	require.Equal(t, "github.com/packetboat/packetboat", module)
	require.Equal(t, "function", goes("list", "-f", "{{.Name}}", "."), "the function's package, which must not be main")
	require.Contains(t, goes("list", "-f", "{{.Imports}}", "."), "functions-framework-go/functions", "else the main would name the function")
	const framework = "github.com/GoogleCloudPlatform/functions-framework-go"
	require.NotEmpty(t, goes("list", "-m", "-f", "{{.Version}}", framework))
	require.DirExists(t, filepath.Join(source, "vendor", framework, "funcframework"))

	main := filepath.Join(source, "functions.local", "app")
	require.NoError(t, os.MkdirAll(main, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(main, "main.go"), []byte(generated), 0o600))
	binary := filepath.Join(dir, "main")
	goes("build", "-o", binary, "./functions.local/app")
	return binary
}

// generated is like the main that the buildpack writes for functions that
// register themselves; that one listens on all addresses.
const generated = `package main

import (
	"log"
	"os"

	_ "github.com/packetboat/packetboat"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
)

func main() { log.Fatal(funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT"))) }
`

func unzip(t *testing.T, archive []byte, dir string) {
	t.Helper()
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	assert.Less(t, len(archive), 100_000_000, "what a function's source may have: https://cloud.google.com/functions/quotas")
	require.NoError(t, os.CopyFS(dir, files))
}
