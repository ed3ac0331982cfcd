package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/entrypoints/app"
)

// build makes the command as it is shipped: without the race detector, whose
// memory and time are not the command's.
func build(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "packetboat")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "disable_grpc_modules", "-ldflags", "-s -w", "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// child is one process of the command.
type child struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

func newChild(t *testing.T, binary, dir string, args ...string) *child {
	t.Helper()
	c := &child{Cmd: exec.CommandContext(t.Context(), binary, args...)}
	c.Dir, c.Stdout, c.Stderr = dir, &c.stdout, &c.stderr
	return c
}

// report is the Report of a child that ended by itself.
func (c *child) report(t *testing.T) (r app.Report) {
	t.Helper()
	require.Zero(t, c.ProcessState.ExitCode(), "%s: %s", c.ProcessState, &c.stderr)
	require.NoError(t, json.Unmarshal(c.stdout.Bytes(), &r), "%s", &c.stdout)
	return r
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}
