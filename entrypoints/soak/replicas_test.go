package soak

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A replica is one process of `packetboat watch`.
type replica struct {
	name   string
	cmd    *exec.Cmd
	log    string        // its path
	url    string        // of /metrics
	exited chan struct{} // closed when it has ended
}

// replicas are those that shall be at work.
type replicas struct {
	binary, dir, config, kubeconfig string

	mu      sync.Mutex
	made    int
	running []*replica
}

var listensAt = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// start starts another one and waits until it answers.
func (rs *replicas) start(t *testing.T) *replica {
	t.Helper()
	rs.mu.Lock()
	rs.made++
	r := &replica{name: fmt.Sprintf("replica-%d", rs.made), exited: make(chan struct{})}
	rs.mu.Unlock()
	r.log = filepath.Join(rs.dir, r.name+".log")
	log, err := os.Create(r.log)
	require.NoError(t, err)
	defer log.Close()
	r.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), rs.binary,
		"watch", "--config", rs.config, "--kubeconfig", rs.kubeconfig, "--metrics-address", "127.0.0.1:0")
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = rs.dir, log, log
	r.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + rs.dir, "POD_NAME=" + r.name}
	require.NoError(t, r.cmd.Start())
	go func() {
		_ = r.cmd.Wait() // how it ended is in ProcessState
		close(r.exited)
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.exited
		if t.Failed() {
			t.Logf("last lines of %s:\n%s", r.name, r.lastLines(40))
		}
	})
	require.NoError(t, persist(t.Context(), r.findAddress))
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.running = append(rs.running, r)
	return r
}

func (r *replica) findAddress() error {
	text, err := os.ReadFile(r.log)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	found := listensAt.FindSubmatch(text)
	if found == nil {
		return fmt.Errorf("%s does not listen: %s", r.name, text)
	}
	r.url = "http://" + string(found[1]) + "/metrics"
	return nil
}

func (r *replica) lastLines(n int) string {
	out, _ := exec.Command("tail", "-n", fmt.Sprint(n), r.log).CombinedOutput()
	return string(out)
}

// all are the replicas that run.
func (rs *replicas) all() []*replica {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return slices.Clone(rs.running)
}

func (rs *replicas) forget(r *replica) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.running = slices.DeleteFunc(rs.running, func(other *replica) bool { return other == r })
}

// kill ends a replica as a crash does.
func (rs *replicas) kill(r *replica) {
	rs.forget(r)
	_ = r.cmd.Process.Kill()
	<-r.exited
}

// end asks a replica to end and returns its exit code.
func (rs *replicas) end(t *testing.T, r *replica) int {
	t.Helper()
	rs.signal(t, r, syscall.SIGTERM)
	select {
	case <-r.exited:
	case <-time.After(hung):
		require.Fail(t, "does not end", "%s: %s", r.name, r.lastLines(20))
	}
	rs.forget(r)
	return r.cmd.ProcessState.ExitCode()
}

func (rs *replicas) signal(t *testing.T, r *replica, s syscall.Signal) {
	t.Helper()
	require.NoError(t, r.cmd.Process.Signal(s), r.name)
}

// requireAlive: none may end that was not told to.
func (rs *replicas) requireAlive(t *testing.T) {
	t.Helper()
	for _, r := range rs.all() {
		select {
		case <-r.exited:
			require.Fail(t, "a replica ended by itself", "%s: %s\n%s", r.name, r.cmd.ProcessState, r.lastLines(20))
		default:
		}
	}
}
