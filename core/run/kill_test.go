package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/file"
)

// A child process makes one run in a directory and is killed at a chosen step.
const (
	childDir  = "PACKETBOAT_TEST_DIR"
	childKill = "PACKETBOAT_TEST_KILL" // step, occurrence, before or after; "" for none
)

const killEvents = 20

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir, os.Getenv(childKill)))
	}
	os.Exit(m.Run())
}

// TestKilledAtEveryStep kills a real process before and after every call of
// every step. The next runs repair it: nothing is missing, every event has one
// ID, and what the checkpoint has passed has arrived.
func TestKilledAtEveryStep(t *testing.T) {
	for _, step := range []string{"load", "commit", "position", "read", "send", "deadletter"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			for occurrence := 1; ; occurrence++ {
				killed := 0
				for _, when := range []string{"before", "after"} {
					if killAt(t, fmt.Sprintf("%s %d %s", step, occurrence, when)) {
						killed++
					}
				}
				if killed == 0 {
					require.Greater(t, occurrence, 1, "step %s was never reached", step)
					return
				}
			}
		})
	}
}

func killAt(t *testing.T, at string) (killed bool) {
	t.Helper()
	dir := t.TempDir()
	err := runChild(t, dir, at)
	var exit *exec.ExitError
	killed = errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled()
	if !killed {
		require.NoError(t, err, at)
	}
	requirePassedArrived(t, dir, at)
	require.NoError(t, runChild(t, dir, ""), at)

	arrived := lines(t, filepath.Join(dir, "arrived"))
	dead := lines(t, filepath.Join(dir, "dead"))
	for i := 1; i <= killEvents; i++ {
		id := fmt.Sprintf("uid-%d.%d", i, i)
		if i%10 == 0 {
			assert.Contains(t, dead, id, at)
			delete(dead, id)
			continue
		}
		assert.Contains(t, arrived, id, at)
		delete(arrived, id)
	}
	assert.Empty(t, arrived, "%s: an event under another ID", at)
	assert.Empty(t, dead, at)
	return killed
}

// requirePassedArrived is the invariant, looked at where the process died.
func requirePassedArrived(t *testing.T, dir, at string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	require.NoError(t, err)
	c, err := state.Decode(raw)
	require.NoError(t, err, at)
	var passed int
	_, _ = fmt.Sscan(c.Clusters["cluster-a"]["a"].ResourceVersion, &passed)
	settled := lines(t, filepath.Join(dir, "arrived"))
	for id := range lines(t, filepath.Join(dir, "dead")) {
		settled[id] = true
	}
	for i := 1; i <= passed; i++ {
		require.Contains(t, settled, fmt.Sprintf("uid-%d.%d", i, i), "%s: the checkpoint is at %d", at, passed)
	}
}

func lines(t *testing.T, path string) map[string]bool {
	t.Helper()
	raw, err := os.ReadFile(path)
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		out[strings.TrimSpace(line)] = true
	}
	return out
}

func runChild(t *testing.T, dir, at string) error {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	// A race-detecting binary sleeps a second when it ends, unless told not to.
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", childDir+"="+dir, childKill+"="+at)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err = cmd.Run()
	if err != nil && output.Len() > 0 {
		t.Logf("%s: %s", at, output.String())
	}
	return err
}

// child makes one run.
func child(dir, at string) int {
	killer := &killer{at: at}
	store, err := file.Kind.Open(context.Background(), &file.Config{Path: filepath.Join(dir, "checkpoint")}, state.Env{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	job := &Job{
		Source: &killedSource{killer}, Router: everyone(1), EventTTL: time.Hour, Holder: fmt.Sprint("run-", os.Getpid()),
		Store: &killedStore{Store: store, Locker: store.(state.Locker), killer: killer},
		Log:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), Now: time.Now,
		Receivers: []Receiver{{Name: "a", Start: sinks.Oldest, Deliver: deliver.New(deliver.Options{
			Name: "a", Sink: &killedSink{killer, filepath.Join(dir, "arrived")}, Batch: deliver.Batch{Records: 4},
			DeadLetters: &killedLetters{killer, filepath.Join(dir, "dead")},
		})}},
	}
	ctx := context.Background()
	report, err := job.Once(Phases{Read: ctx, Send: ctx, Commit: ctx})
	if err != nil || !report.CaughtUp {
		fmt.Fprintln(os.Stderr, err, report.CaughtUp)
		return 1
	}
	return 0
}

// killer ends this process as kill -9 does, at one call of one step.
type killer struct {
	at   string
	seen [8]atomic.Int64
}

func (k *killer) around(step string, do func() error) error {
	i := strings.Index("lcprsd", step[:1])
	n := k.seen[i].Add(1)
	k.die(fmt.Sprintf("%s %d before", step, n))
	err := do()
	k.die(fmt.Sprintf("%s %d after", step, n))
	return err
}

func (k *killer) die(here string) {
	if k.at == here {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

type killedStore struct {
	state.Store
	state.Locker
	killer *killer
}

func (s *killedStore) Load(ctx context.Context) (c state.Checkpoint, token state.Token, err error) {
	err = s.killer.around("load", func() error {
		c, token, err = s.Store.Load(ctx)
		return err
	})
	return c, token, err
}

func (s *killedStore) Commit(ctx context.Context, next state.Checkpoint, old state.Token) (token state.Token, err error) {
	err = s.killer.around("commit", func() error {
		token, err = s.Store.Commit(ctx, next, old)
		return err
	})
	return token, err
}

type killedSource struct{ killer *killer }

func (s *killedSource) Position(context.Context) (p source.Position, _ error) {
	return p, s.killer.around("position", func() error {
		p = source.Position{Cluster: "cluster-a", Cursor: state.Cursor{ResourceVersion: fmt.Sprint(killEvents), ReadAt: time.Now()}}
		return nil
	})
}

func (s *killedSource) Since(ctx context.Context, from state.Cursor) iter.Seq2[source.Page, error] {
	return func(yield func(source.Page, error) bool) {
		whole := generator{&world{cluster: "cluster-a"}, killEvents, 10, 5}
		for page, err := range whole.Since(ctx, from) {
			more := true
			_ = s.killer.around("read", func() error {
				more = yield(page, err)
				return nil
			})
			if !more {
				return
			}
		}
	}
}

// killedSink appends IDs to a file; it refuses every tenth event for good.
type killedSink struct {
	killer *killer
	path   string
}

func (s *killedSink) Limits() sinks.Limits { return sinks.Limits{} }

func (s *killedSink) Encode(ev *event.Event) (sinks.Record, error) {
	if strings.HasSuffix(string(ev.UID), "0") {
		return sinks.Record{}, errors.New("not this one")
	}
	return sinks.Record{ID: ev.ID(), Event: ev}, nil
}

func (s *killedSink) Send(_ context.Context, batch []sinks.Record) error {
	if strings.HasPrefix(s.killer.at, "send") {
		time.Sleep(20 * time.Millisecond) // whoever commits too early gets the time to do it
	}
	return s.killer.around("send", func() error {
		var ids strings.Builder
		for _, r := range batch {
			ids.WriteString(r.ID + "\n")
		}
		return appendTo(s.path, ids.String())
	})
}

func (s *killedSink) Close(context.Context) error { return nil }

type killedLetters struct {
	killer *killer
	path   string
}

func (l *killedLetters) Put(_ context.Context, d state.DeadLetter) error {
	return l.killer.around("deadletter", func() error { return appendTo(l.path, d.ID+"\n") })
}
func (l *killedLetters) All(context.Context) iter.Seq2[state.DeadLetter, error] { return nil }
func (l *killedLetters) Delete(context.Context, string) error                   { return nil }

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
