package file_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/file"
)

const childVariable = "PACKETBOAT_TEST_CHILD"

// TestMain lets the test binary be the other process too.
func TestMain(m *testing.M) {
	if job := os.Getenv(childVariable); job != "" {
		if err := child(job, os.Args[1], os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(job, path, token string) error {
	ctx := context.Background()
	if job == putOnFullDisk {
		return putUnderLimit(ctx, path)
	}
	store, err := file.Kind.Open(ctx, &file.Config{Path: path}, state.Env{})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	switch job {
	case "commit":
		next := state.Checkpoint{Revision: 2, Lease: state.Lease{Holder: fmt.Sprint(os.Getpid())}}
		_, err := store.Commit(ctx, next, state.Token(token))
		fmt.Println(err == nil, errors.Is(err, state.ErrConflict))
		return nil
	case "lock":
		if _, err := store.(state.Locker).Lock(ctx); err != nil {
			return err
		}
		fmt.Println("locked")
		select {}
	case "commit on and on":
		return commitOnAndOn(ctx, store)
	}
	return fmt.Errorf("no job %q", job)
}

func commitOnAndOn(ctx context.Context, store state.Store) error {
	c, token, err := store.Load(ctx)
	for err == nil || errors.Is(err, state.ErrNotFound) {
		c.Revision++
		c.Set("u", "r", state.Cursor{State: make([]byte, 20_000)})
		token, err = store.Commit(ctx, c, token)
	}
	return err
}

// process is this test binary at work on path in another process.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, job, path string, token state.Token) *process {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	p := &process{cmd: exec.CommandContext(t.Context(), exe, path, string(token))}
	p.cmd.Env = append(os.Environ(), childVariable+"="+job)
	p.cmd.Stderr = os.Stderr
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewReader(out)
	require.NoError(t, p.cmd.Start())
	require.Equal(t, "ready", p.line(t))
	return p
}

func (p *process) line(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSuffix(line, "\n")
}

func (p *process) release(t *testing.T) {
	t.Helper()
	_, err := io.WriteString(p.in, "go\n")
	require.NoError(t, err)
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, p.cmd.Wait(), "it ended before it was killed")
}

func TestOfManyProcessesOneWins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	store := open(t, path)
	first, err := store.Commit(t.Context(), state.Checkpoint{Revision: 1}, "")
	require.NoError(t, err)
	for round, token := range []state.Token{first, ""} {
		if token == "" {
			require.NoError(t, os.Remove(path))
		}
		processes := make([]*process, 8)
		for i := range processes {
			processes[i] = start(t, "commit", path, token)
		}
		for _, p := range processes {
			p.release(t)
		}
		var winners []string
		for _, p := range processes {
			if answer := p.line(t); answer != "false true" {
				require.Equal(t, "true false", answer)
				winners = append(winners, fmt.Sprint(p.cmd.Process.Pid))
			}
			require.NoError(t, p.cmd.Wait())
		}
		c, _, err := store.Load(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{c.Lease.Holder}, winners, "round %d", round)
	}
}

func TestKilledWriterLeavesTheOldOrTheNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	store := open(t, path)
	token, err := store.Commit(t.Context(), state.Checkpoint{}, "")
	require.NoError(t, err)
	last := int64(0)
	for range 15 {
		p := start(t, "commit on and on", path, "")
		p.release(t)
		require.Eventually(t, func() bool {
			c, _, err := store.Load(t.Context())
			require.NoError(t, err, "a reader never sees half a checkpoint")
			return c.Revision > last
		}, time.Minute, time.Millisecond)
		time.Sleep(rand.N(10 * time.Millisecond))
		p.kill(t)

		var c state.Checkpoint
		c, token, err = store.Load(t.Context())
		require.NoError(t, err)
		c.Revision++
		token, err = store.Commit(t.Context(), c, token)
		require.NoError(t, err, "the dead process holds no lock")
		last = c.Revision
	}
	entries, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{path, path + ".commit.lock"}, entries)
	require.NotEmpty(t, token)
}

func TestLockEndsWithTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	p := start(t, "lock", path, "")
	p.release(t)
	require.Equal(t, "locked", p.line(t))

	store := open(t, path)
	_, err := store.(state.Locker).Lock(t.Context())
	require.ErrorIs(t, err, state.ErrLocked)
	host, hostErr := os.Hostname()
	require.NoError(t, hostErr)
	require.ErrorContains(t, err, fmt.Sprintf("locked by another process (pid %d on %q)", p.cmd.Process.Pid, host))
	_, _, err = store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound, "looking at it is always possible")

	p.kill(t)
	unlock, err := store.(state.Locker).Lock(t.Context())
	require.NoError(t, err)
	require.NoError(t, unlock())
}

func TestHolderOfTheLockCommits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	store := open(t, path)
	unlock, err := store.(state.Locker).Lock(t.Context())
	require.NoError(t, err)
	token, err := store.Commit(t.Context(), state.Checkpoint{Revision: 1}, "")
	require.NoError(t, err)
	_, err = open(t, path).Commit(t.Context(), state.Checkpoint{Revision: 2}, token)
	require.NoError(t, err)

	for name, other := range map[string]state.Store{"the same store": store, "another store": open(t, path)} {
		_, err = other.(state.Locker).Lock(t.Context())
		require.ErrorIs(t, err, state.ErrLocked, name)
	}
	require.NoError(t, unlock())
	require.NoError(t, unlock(), "twice is once")
	again, err := store.(state.Locker).Lock(t.Context())
	require.NoError(t, err)
	require.NoError(t, again())
	raw, err := os.ReadFile(path + ".lock")
	require.NoError(t, err)
	require.Empty(t, raw, "nobody holds it, so it names nobody")
}

func TestHolderThatHasNotWrittenItsNameYet(t *testing.T) {
	for _, written := range []string{"", "x", "12", strings.Repeat("9", 400)} {
		path := filepath.Join(t.TempDir(), "c.json")
		unlock, err := open(t, path).(state.Locker).Lock(t.Context())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path+".lock", []byte(written), 0o600))
		_, err = open(t, path).(state.Locker).Lock(t.Context())
		require.ErrorIs(t, err, state.ErrLocked)
		require.ErrorContains(t, err, path+": locked by another process")
		require.NotContains(t, err.Error(), "pid")
		require.NoError(t, unlock())
	}
}

func TestCancelledLock(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := open(t, filepath.Join(t.TempDir(), "c.json")).(state.Locker).Lock(ctx)
	require.ErrorIs(t, err, context.Canceled)
}
