package functiontest

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Process is a running binary.
type Process struct {
	cmd  *exec.Cmd
	log  string        // a file, so that nothing of it is on its way when an answer comes
	end  int           // of the part of it that is worth printing, 0: all
	done chan struct{} // closed when it has ended
}

// StartProcess starts a binary with nothing but env for its environment. It is
// killed at the end of the test.
func StartProcess(t *testing.T, binary string, env []string) *Process {
	t.Helper()
	return StartProcessIn(t, t.TempDir(), binary, env)
}

// StartProcessIn starts it in a directory.
func StartProcessIn(t *testing.T, dir, binary string, env []string) *Process {
	t.Helper()
	//nolint:noctx // it ends with the test, not with a call
	p := &Process{cmd: exec.Command(binary), log: filepath.Join(t.TempDir(), "log"), done: make(chan struct{})}
	log, err := os.Create(p.log)
	require.NoError(t, err)
	defer log.Close()
	p.cmd.Env, p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = env, dir, log, log
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // it is killed
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", filepath.Base(binary), p.Log(t)[:cmp.Or(p.end, len(p.Log(t)))])
		}
	})
	return p
}

// Ended is closed when the process has ended, however.
func (p *Process) Ended() <-chan struct{} { return p.done }

// Kill ends the process as a platform does that waits no longer.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// Freeze stops the process without telling it, as a platform may at any time.
func (p *Process) Freeze() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets it go on.
func (p *Process) Thaw() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Terminate asks it to end, as a platform does that shuts down.
func (p *Process) Terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// Pid is the process's number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Log is everything the process has written so far.
func (p *Process) Log(t *testing.T) string {
	t.Helper()
	log, err := os.ReadFile(p.log)
	require.NoError(t, err)
	return string(log)
}

// Goroutines ends the process and returns the functions on the stacks of what
// ran in it, one a line.
func (p *Process) Goroutines(t *testing.T) string {
	t.Helper()
	p.end = len(p.Log(t))
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGQUIT))
	<-p.done
	var functions strings.Builder
	for line := range strings.Lines(p.Log(t)[p.end:]) {
		if !strings.HasPrefix(line, "\t") { // there stands the file
			functions.WriteString(line)
		}
	}
	require.Contains(t, functions.String(), "\ngoroutine ", "the process has not written its goroutines")
	return functions.String()
}
