package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/packetboat/packetboat/state"
)

// Lock implements state.Locker: one run at a time on this machine, and a killed
// run does not stand in the way of the next. It is another lock than that of a
// commit, so the holder commits as everybody does.
func (s *store) Lock(ctx context.Context) (unlock func() error, err error) {
	f, err := s.lock(ctx)
	if err != nil {
		return nil, fmt.Errorf("lock checkpoint file %s: %w", s.path, err)
	}
	return sync.OnceValue(func() error {
		// The name goes first: once the file is closed, it belongs to the next holder.
		return errors.Join(f.Truncate(0), f.Close())
	}), nil
}

func (s *store) lock(ctx context.Context) (*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.checkPlace(); err != nil {
		return nil, err
	}
	f, err := openLock(s.path + ".lock")
	if err != nil {
		return nil, err
	}
	locked, err := tryLock(f)
	if err == nil && !locked {
		err = fmt.Errorf("%w%s", state.ErrLocked, holderOf(f))
	}
	if err == nil {
		err = writeHolder(f)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// writeHolder says who has the lock, for the one who does not get it.
func writeHolder(f *os.File) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(fmt.Appendf(nil, "%d %s\n", os.Getpid(), host), 0)
	return err
}

// holderOf is " (pid N on HOST)", or "" where the holder has not written it yet.
func holderOf(f *os.File) string {
	var pid int
	var host string
	if _, err := fmt.Fscanf(io.NewSectionReader(f, 0, 300), "%d %s\n", &pid, &host); err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d on %q)", pid, host)
}

// waitLock takes a lock that others hold only for the time of one commit.
func waitLock(ctx context.Context, path string) (unlock func() error, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	// flock itself cannot be given a context, so it is asked again and again.
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for {
		locked, err := tryLock(f)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if locked {
			return f.Close, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for the commit of another process: %w", ctx.Err()), f.Close())
		case <-again.C:
		}
	}
}

func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
}

// tryLock locks the open file itself, not the process: two stores of one
// process exclude each other as two processes do. Closing the file unlocks it.
func tryLock(f *os.File) (bool, error) {
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}
