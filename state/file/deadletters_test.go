package file_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/file"
	"github.com/packetboat/packetboat/state/statetest"
)

func TestDeadLetterConformance(t *testing.T) {
	statetest.RunDeadLetters(t, statetest.DeadLetterHarness{
		Page:        1000,
		NoLostReply: "a put ends in a rename, which the process itself sees or does not live to see",
		New: func(t *testing.T) statetest.DeadLetterStorage {
			root := t.TempDir()
			dir := filepath.Join(root, "letters")
			require.NoError(t, os.Mkdir(dir, 0o700))
			return statetest.DeadLetterStorage{
				Open:  func(t *testing.T) state.DeadLetters { return openDeadLetters(t, dir) },
				Names: func(t *testing.T) []string { return namesIn(t, root, dir) },
				Plant: func(t *testing.T, name string, raw []byte) {
					require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
					require.NoError(t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
				},
				CuttingWrites: func(*testing.T) state.DeadLetters { return onFullDisk{dir: dir} },
			}
		},
	})
}

func openDeadLetters(t *testing.T, dir string) state.DeadLetters {
	t.Helper()
	letters, err := file.Kind.OpenDeadLetters(t.Context(), &file.DeadLetterConfig{Path: dir}, state.Env{})
	require.NoError(t, err)
	return letters
}

// namesIn lists what is anywhere below root, but for the lock, which may stay.
func namesIn(t *testing.T, root, dir string) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == filepath.Join(dir, ".lock") {
			return err
		}
		name, inside := strings.CutPrefix(path, dir+"/")
		if !inside {
			name = "/" + path
		}
		names = append(names, name)
		return nil
	}))
	return names
}

const putOnFullDisk = "put on a full disk"

// onFullDisk puts from a process that the system lets write no large file.
type onFullDisk struct{ dir string }

func (d onFullDisk) Put(ctx context.Context, letter state.DeadLetter) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	raw, err := json.Marshal(letter)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, exe, d.dir, "")
	cmd.Env = append(os.Environ(), childVariable+"="+putOnFullDisk)
	cmd.Stdin = bytes.NewReader(raw)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func (onFullDisk) All(context.Context) iter.Seq2[state.DeadLetter, error] { return nil }
func (onFullDisk) Delete(context.Context, string) error                   { return nil }

func putUnderLimit(ctx context.Context, dir string) error {
	var letter state.DeadLetter
	if err := json.NewDecoder(os.Stdin).Decode(&letter); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 100_000, Max: 100_000}); err != nil {
		return err
	}
	letters, err := file.Kind.OpenDeadLetters(ctx, &file.DeadLetterConfig{Path: dir}, state.Env{})
	if err != nil {
		return err
	}
	return letters.Put(ctx, letter)
}

var aLetter = state.DeadLetter{Receiver: "dump", ID: "uid.1", Reason: "400", Event: json.RawMessage(`{}`)}

func TestAFullDiskIsWhatTheSuiteMeans(t *testing.T) {
	large := aLetter
	large.Body = make([]byte, 1<<20)
	require.ErrorContains(t, onFullDisk{dir: t.TempDir()}.Put(t.Context(), large), syscall.EFBIG.Error())
	require.NoError(t, onFullDisk{dir: t.TempDir()}.Put(t.Context(), aLetter), "a small one passes")
}

func TestDeadLettersNeedTheirDirectory(t *testing.T) {
	_, err := file.Kind.OpenDeadLetters(t.Context(), &file.DeadLetterConfig{}, state.Env{})
	require.ErrorContains(t, err, "path is missing")
	_, err = file.Kind.OpenDeadLetters(t.Context(), &file.Config{Path: "x"}, state.Env{})
	require.ErrorContains(t, err, "config is *file.Config")

	root := t.TempDir()
	plain := filepath.Join(root, "plain")
	require.NoError(t, os.WriteFile(plain, nil, 0o600))
	for dir, says := range map[string]string{
		filepath.Join(root, "no"): "does not exist: create it, or mount the volume",
		plain:                     "is not a directory",
	} {
		letters := openDeadLetters(t, dir)
		require.ErrorContains(t, letters.Put(t.Context(), aLetter), says)
		require.ErrorContains(t, letters.Delete(t.Context(), aLetter.Key()), says)
		n := 0
		for _, err := range letters.All(t.Context()) {
			require.ErrorContains(t, err, says)
			n++
		}
		require.Equal(t, 1, n, "a missing volume looks like no dead letters")
	}
	require.NoDirExists(t, filepath.Join(root, "no"))
}

func TestDeadLettersAreForTheOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, openDeadLetters(t, dir).Put(t.Context(), aLetter))
	info, err := os.Stat(filepath.Join(dir, state.DeadLetterName(aLetter.Key())))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
}

// What a killed process leaves under the temporary name is replaced, not
// followed, and never read.
func TestLeftOverTemporaryDeadLetter(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	require.NoError(t, os.WriteFile(other, []byte("of somebody else"), 0o600))
	for name, leave := range map[string]func() error{
		"half written": func() error { return os.WriteFile(filepath.Join(dir, ".tmp"), []byte(`{"vers`), 0o400) },
		"a link":       func() error { return os.Symlink(other, filepath.Join(dir, ".tmp")) },
	} {
		require.NoError(t, leave(), name)
		letters := openDeadLetters(t, dir)
		require.NoError(t, letters.Put(t.Context(), aLetter), name)
		n := 0
		for d, err := range letters.All(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, aLetter.Key(), d.Key())
			n++
		}
		require.Equal(t, 1, n, name)
		raw, err := os.ReadFile(other)
		require.NoError(t, err)
		require.Equal(t, "of somebody else", string(raw))
	}
}

// A link or a pipe that somebody put there is not opened: a pipe would hang.
func TestOnlyRegularFilesAreDeadLetters(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.json"), 0o600))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link.json")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "dir.json"), 0o700))
	for d, err := range openDeadLetters(t, dir).All(t.Context()) {
		t.Errorf("%v %v", d, err)
	}
}

func TestAFileThatIsNoDeadLetterIsNotReadWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "disk.json")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	require.NoError(t, os.Truncate(path, 1<<40))
	for _, err := range openDeadLetters(t, dir).All(t.Context()) {
		require.ErrorIs(t, err, state.ErrBadDeadLetter)
		require.ErrorContains(t, err, "larger than 16777216 bytes")
	}
}

func TestPutGivesUpWaitingWithItsContext(t *testing.T) {
	dir := t.TempDir()
	holder, err := os.Create(filepath.Join(dir, ".lock"))
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(holder.Fd()), syscall.LOCK_EX))
	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error)
	letters := openDeadLetters(t, dir)
	go func() { result <- letters.Put(ctx, aLetter) }()
	cancel(errors.New("the run ends"))
	require.ErrorIs(t, <-result, context.Canceled)
	require.NoError(t, holder.Close())
	require.NoError(t, openDeadLetters(t, dir).Put(t.Context(), aLetter))
}
