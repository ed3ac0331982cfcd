package local

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// process is one running server, a child of this process.
type process struct {
	name Server
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the child has ended
}

func pidFile(dir string, name Server) string { return filepath.Join(dir, string(name)+".pid") }
func logFile(dir string, name Server) string { return filepath.Join(dir, string(name)+".log") }

// launch starts a server. A detached one outlives this process, any other one dies with it, even if it is killed.
func launch(binary, dir string, name Server, args []string, detached bool) (*process, error) {
	pid, err := tryLock(pidFile(dir, name))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	// The child has inherited the lock by then. If we crash before, nobody holds it; if we crash after, Down finds the child.
	defer pid.Close()
	if err := pid.Truncate(0); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	log, err := os.OpenFile(logFile(dir, name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer log.Close()

	own := []string{"--pid-fd=3"}
	if !detached {
		own = append(own, "--with-parent")
	}
	//nolint:noctx // a server outlives the call that starts it
	cmd := exec.Command(binary, append(append(own, string(name)), args...)...)
	cmd.Dir = dir
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{pid}
	// Its own session: an interrupt typed at our terminal is for us, and we decide what becomes of the servers.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if !detached {
		if _, err := cmd.StdinPipe(); err != nil {
			return nil, fmt.Errorf("start %s: %w", name, err)
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, log: log.Name(), cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // How it ended is in ProcessState.
		close(p.done)
	}()
	return p, nil
}

// environment is what a server needs and no more: etcd would take ETCD_*, the others proxies, from ours.
func environment() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// kill ends the server at once, as a crash would, and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// ended says why the server is not running, in its own last words; nil while it runs.
func (p *process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended (%s); its last lines:\n%s", p.name, p.cmd.ProcessState, tail(p.log, 20))
	default:
		return nil
	}
}

// tail returns the last lines of a log.
func tail(path string, lines int) string {
	const window = 64 << 10
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err.Error()
	}
	text, err := io.ReadAll(io.NewSectionReader(file, max(0, size-window), window))
	if err != nil {
		return err.Error()
	}
	return lastLines(text, lines)
}

func lastLines(text []byte, lines int) string {
	all := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
