package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/run"
)

// command is the command with everything that its runs have in common.
type command struct {
	binary, dir, kubeconfig string
	env                     []string
}

// outcome is how one process ended.
type outcome struct {
	code   int
	report run.Report
	stderr string
}

func (o outcome) String() string {
	report, _ := json.Marshal(o.report)
	return fmt.Sprintf("exit %d\n%s\n%s", o.code, report, o.stderr)
}

// hung is longer than any run here may last, however slow the machine is.
const hung = 2 * time.Minute

// run makes one run. It may be called concurrently. An error says that the
// process did not end by itself or printed no Report.
func (c command) run(ctx context.Context, config string, args ...string) (outcome, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, hung, errors.New("the run does not end"))
	defer cancel()
	cmd := exec.CommandContext(ctx, c.binary,
		append([]string{"run", "--config", config, "--kubeconfig", c.kubeconfig, "--output", "json"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, &stdout, &stderr
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir}, c.env...)
	err := cmd.Run()
	o := outcome{code: cmd.ProcessState.ExitCode(), stderr: stderr.String()}
	if ctx.Err() != nil {
		return o, fmt.Errorf("%w: %s", context.Cause(ctx), o.stderr)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return o, err
	}
	if err := json.Unmarshal(stdout.Bytes(), &o.report); err != nil {
		return o, fmt.Errorf("read the Report: %w: exit %d: %s", err, o.code, o.stderr)
	}
	return o, nil
}

func writeConfig(t *testing.T, dir, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
