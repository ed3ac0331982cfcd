package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/packetboat/packetboat/state"
)

// Commit implements state.Store.
func (s *store) Commit(ctx context.Context, next state.Checkpoint, old state.Token) (state.Token, error) {
	token, err := s.commit(ctx, next, old)
	if err != nil {
		return "", fmt.Errorf("commit checkpoint to file %s: %w", s.path, err)
	}
	return token, nil
}

func (s *store) commit(ctx context.Context, next state.Checkpoint, old state.Token) (token state.Token, err error) {
	raw, err := state.Encode(next)
	if err != nil {
		return "", err
	}
	if len(raw) > maxBytes {
		return "", fmt.Errorf("the checkpoint has %d bytes, a file store takes %d", len(raw), maxBytes)
	}
	if err := s.checkPlace(); err != nil {
		return "", err
	}
	unlock, err := waitLock(ctx, s.path+".commit.lock")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	_, current, err := s.read()
	if err != nil {
		return "", err
	}
	if current != old {
		return "", state.ErrConflict
	}
	token = tokenOf(raw)
	if token == old {
		return "", fmt.Errorf("nothing has changed, not even the revision %d, which every commit raises", next.Revision)
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return token, replace(s.path+".tmp", s.path, raw)
}

// replace is called with the lock held that guards temp, a name in the same
// directory. If we crash before the rename, the old file is there and the next
// replace removes the temporary one; if we crash after it, the new one is, or,
// where the power failed before the directory was synced, one of the two.
func replace(temp, path string, raw []byte) error {
	// Not truncated but removed: what lies there could be a link to something else.
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeSynced(temp, raw); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, raw []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	// Some network file systems cannot sync a directory; their rename is durable or nothing is.
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
