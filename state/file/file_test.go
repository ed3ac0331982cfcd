package file_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/file"
	"github.com/packetboat/packetboat/state/statetest"
)

func TestConformance(t *testing.T) {
	statetest.Run(t, statetest.Harness{
		NoLostReply: "a commit ends in a rename, which the process itself sees or does not live to see",
		New: func(t *testing.T) statetest.Storage {
			path := filepath.Join(t.TempDir(), "checkpoint.json")
			return statetest.Storage{
				Open: func(t *testing.T) state.Store { return open(t, path) },
				Read: func(t *testing.T) []byte {
					raw, err := os.ReadFile(path)
					if errors.Is(err, fs.ErrNotExist) {
						return nil
					}
					require.NoError(t, err)
					return raw
				},
				Write: func(t *testing.T, raw []byte) { require.NoError(t, os.WriteFile(path, raw, 0o600)) },
			}
		},
	})
}

func open(t *testing.T, path string) state.Store {
	t.Helper()
	config, err := file.Kind.FromRef(path)
	require.NoError(t, err)
	store, err := file.Kind.Open(t.Context(), config, state.Env{})
	require.NoError(t, err)
	return store
}

func TestConfigNeedsAPath(t *testing.T) {
	for ref, says := range map[string]string{"": "path is missing", "/var/lib/": "is a directory"} {
		_, err := file.Kind.FromRef(ref)
		require.ErrorContains(t, err, says)
		_, err = file.Kind.Open(t.Context(), &file.Config{Path: ref}, state.Env{})
		require.ErrorContains(t, err, "open file: ")
	}
}

func TestPlacesThatCannotHoldACheckpoint(t *testing.T) {
	dir := t.TempDir()
	join := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(join("plain"), []byte("x"), 0o600))
	require.NoError(t, os.Mkdir(join("dir"), 0o700))
	require.NoError(t, os.Symlink(join("plain"), join("link")))
	require.NoError(t, os.Symlink(join("gone"), join("dangling")))
	require.NoError(t, syscall.Mkfifo(join("fifo"), 0o600))
	before, err := os.ReadDir(dir)
	require.NoError(t, err)

	for name, test := range map[string]struct{ path, says string }{
		"the directory does not exist":  {join("no/c.json"), "does not exist: create it, or mount the volume"},
		"a file is not a directory":     {join("plain/c.json"), "is not a directory"},
		"a file on the way":             {join("plain/x/c.json"), "is not a directory"},
		"a directory":                   {join("dir"), "no regular file (d"},
		"a symbolic link":               {join("link"), "it is a symbolic link: name the file itself"},
		"a symbolic link into the void": {join("dangling"), "it is a symbolic link: name the file itself"},
		"a pipe":                        {join("fifo"), "no regular file (p"},
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t, test.path)
			_, _, err := store.Load(t.Context())
			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, "load checkpoint from file "+test.path)
			require.NotErrorIs(t, err, state.ErrNotFound)
			_, err = store.Commit(t.Context(), state.Checkpoint{}, "")
			require.ErrorContains(t, err, test.says)
			_, err = store.(state.Locker).Lock(t.Context())
			require.ErrorContains(t, err, test.says)
			require.NotErrorIs(t, err, state.ErrLocked)
		})
	}
	after, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, after, len(before), "nothing was left behind")
}

func TestReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { require.NoError(t, os.Chmod(dir, 0o700)) })
	if os.Getuid() == 0 {
		dir = "/sys" // nobody can create a file here, root neither
	}
	store := open(t, filepath.Join(dir, "packetboat-test.json"))
	_, _, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	_, err = store.Commit(t.Context(), state.Checkpoint{}, "")
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorContains(t, err, "packetboat-test.json.commit.lock")
	_, err = store.(state.Locker).Lock(t.Context())
	require.ErrorIs(t, err, fs.ErrPermission)
}

func TestAFileThatIsNoCheckpointIsNotReadWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.img")
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	require.NoError(t, os.Truncate(path, 1<<40))
	_, _, err := open(t, path).Load(t.Context())
	require.ErrorIs(t, err, state.ErrUnreadable)
	require.ErrorContains(t, err, "larger than 2097152 bytes")
}

func TestOnlyTheOwnerCanReadIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	require.NoError(t, os.WriteFile(path, nil, 0o666))
	store := open(t, path)
	_, token, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrUnreadable)
	_, err = store.Commit(t.Context(), state.Checkpoint{}, token)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
}

func TestLeftOverTemporaryFileIsReplacedNotFollowed(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "c.json"), filepath.Join(dir, "other")
	require.NoError(t, os.WriteFile(other, []byte("of somebody else"), 0o600))
	for name, leave := range map[string]func() error{
		"half written": func() error { return os.WriteFile(path+".tmp", []byte(`{"vers`), 0o400) },
		"a link":       func() error { return os.Symlink(other, path+".tmp") },
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(path))
			require.NoError(t, leave())
			store := open(t, path)
			_, err := store.Commit(t.Context(), state.Checkpoint{Revision: 3}, "")
			require.NoError(t, err)
			c, _, err := store.Load(t.Context())
			require.NoError(t, err)
			require.Equal(t, int64(3), c.Revision)
			require.NoFileExists(t, path+".tmp")
			raw, err := os.ReadFile(other)
			require.NoError(t, err)
			require.Equal(t, "of somebody else", string(raw))
		})
	}
}

func TestLockFileIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "c.json"), filepath.Join(dir, "other")
	require.NoError(t, os.WriteFile(other, []byte("of somebody else"), 0o600))
	require.NoError(t, os.Symlink(other, path+".lock"))
	_, err := open(t, path).(state.Locker).Lock(t.Context())
	require.ErrorIs(t, err, syscall.ELOOP)
	raw, err := os.ReadFile(other)
	require.NoError(t, err)
	require.Equal(t, "of somebody else", string(raw))
}

func TestCommitGivesUpWaitingWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	holder, err := os.Create(path + ".commit.lock")
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(holder.Fd()), syscall.LOCK_EX))

	ctx, cancel := context.WithCancel(t.Context())
	waiting := open(t, path)
	result := make(chan error)
	go func() {
		_, err := waiting.Commit(ctx, state.Checkpoint{}, "")
		result <- err
	}()
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	require.NoFileExists(t, path)

	require.NoError(t, holder.Close())
	_, err = open(t, path).Commit(t.Context(), state.Checkpoint{}, "")
	require.NoError(t, err)
}
