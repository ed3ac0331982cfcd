// Package file keeps the checkpoint in a local file, and dead letters in a
// directory, one file each.
//
// A commit is atomic and durable: a new file is written beside the old one,
// synced, renamed over it, and the directory is synced. Whoever reads or kills
// at any moment leaves the old checkpoint or the new one. Writers in any number
// of processes on one machine exclude each other with a lock on PATH.commit.lock
// for the time of one commit; a run holds PATH.lock as long as it lives. Both
// are locks of the operating system, so they end with the process. The lock
// files are empty or name their holder, and stay: removing one would let two
// processes lock different files.
//
// A dead letter is written in the same way, under DIRECTORY/.lock.
//
// Every call makes one attempt and never retries; a commit waits for the commit
// of another process until its context ends, a Put for its Put. Stores and dead
// letters may be used concurrently.
package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/packetboat/packetboat/state"
)

// maxBytes bounds what is read into memory. A checkpoint is far smaller: four
// cursors take about a kilobyte.
const maxBytes = 2 << 20

// Config says where the checkpoint is.
type Config struct {
	// Path of the file. Its directory must exist: creating it could hide that a
	// volume is not mounted, and the checkpoint would be gone with the container.
	Path string `yaml:"path"`
}

// Kind is the storage file; on the command line file:PATH.
var Kind = state.WithDeadLetters(checkpointKind,
	func() DeadLetterConfig { return DeadLetterConfig{} },
	func(_ context.Context, config DeadLetterConfig, _ state.Env) (state.DeadLetters, error) {
		if config.Path == "" {
			return nil, errors.New("open dead letters in file: path is missing")
		}
		return &deadLetters{dir: config.Path}, nil
	})

var checkpointKind = state.NewKind("file",
	func() Config { return Config{} },
	func(ref string) (Config, error) { return Config{Path: ref}, Config{Path: ref}.check() },
	func(c Config, suffix string) Config { return Config{Path: state.BesideFile(c.Path, suffix)} },
	func(_ context.Context, config Config, _ state.Env) (state.Store, error) {
		if err := config.check(); err != nil {
			return nil, fmt.Errorf("open file: %w", err)
		}
		return &store{path: config.Path}, nil
	})

func (c Config) check() error {
	switch {
	case c.Path == "":
		return errors.New("path is missing")
	case strings.HasSuffix(c.Path, "/"):
		return fmt.Errorf("path %q is a directory, want a file in it", c.Path)
	}
	return nil
}

type store struct{ path string }

var (
	_ state.Store  = (*store)(nil)
	_ state.Locker = (*store)(nil)
)

// String names the store as the command line does.
func (s *store) String() string { return "file:" + s.path }

// Load implements state.Store.
func (s *store) Load(ctx context.Context) (state.Checkpoint, state.Token, error) {
	c, token, err := s.load(ctx)
	if err != nil {
		err = fmt.Errorf("load checkpoint from file %s: %w", s.path, err)
	}
	return c, token, err
}

func (s *store) load(ctx context.Context) (state.Checkpoint, state.Token, error) {
	if err := ctx.Err(); err != nil {
		return state.Checkpoint{}, "", err
	}
	raw, token, err := s.read()
	if err != nil {
		return state.Checkpoint{}, "", err
	}
	if token == "" {
		return state.Checkpoint{}, "", state.ErrNotFound
	}
	if len(raw) > maxBytes {
		return state.Checkpoint{}, token, fmt.Errorf("%w: it is larger than %d bytes", state.ErrUnreadable, maxBytes)
	}
	c, err := state.Decode(raw)
	return c, token, err
}

// read gives the stored bytes, cut after maxBytes+1, and their token: a hash,
// which no two commits share, because each raises the Revision. No file has the
// token "".
func (s *store) read() ([]byte, state.Token, error) {
	if err := s.checkPlace(); err != nil {
		return nil, "", err
	}
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, "", err
	}
	return raw, tokenOf(raw), nil
}

func tokenOf(raw []byte) state.Token {
	sum := sha256.Sum256(raw)
	return state.Token(hex.EncodeToString(sum[:]))
}

// checkPlace refuses what would not work or would work by accident.
func (s *store) checkPlace() error {
	if err := checkDir(filepath.Dir(s.path)); err != nil {
		return err
	}
	info, err := os.Lstat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() == fs.ModeSymlink:
		// The rename would replace the link, and whoever uses the other name would lock other files.
		return errors.New("it is a symbolic link: name the file itself")
	case !info.Mode().IsRegular():
		return fmt.Errorf("it is no regular file (%s)", info.Mode().Type())
	}
	return nil
}

// checkDir refuses a directory that is not there: we do not create it.
func checkDir(dir string) error {
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("directory %s does not exist: create it, or mount the volume", dir)
	case errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	default:
		return err
	}
}

// Limits implements state.Store.
func (s *store) Limits() state.Limits { return state.Limits{Bytes: maxBytes} }
