package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// errLocked says that another process holds the lock.
var errLocked = errors.New("locked by another process")

// tryLock opens a file and locks it. The lock belongs to the open file: it ends when the last process that holds the
// file closes it or dies, however it dies, so a lock is never stale.
func tryLock(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return file, nil
	}
	_ = file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("lock %s: %w", path, errLocked)
	}
	return nil, fmt.Errorf("lock %s: %w", path, err)
}

// waitLock locks the file as soon as it is free, and calls waiting once if it is not free at once.
func waitLock(ctx context.Context, path string, waiting func()) (*os.File, error) {
	for first := true; ; first = false {
		file, err := tryLock(path)
		if err == nil || !errors.Is(err, errLocked) {
			return file, err
		}
		if first {
			waiting()
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return nil, fmt.Errorf("wait for lock %s: %w", path, err)
		}
	}
}

// held reports whether a process lives that was started with this lock.
func held(path string) (bool, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	file, err := tryLock(path)
	if errors.Is(err, errLocked) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, file.Close()
}

// killHolder ends the process that holds the lock and returns when it is gone. It never meets another process that
// got the same ID later: the handle is taken first, and only then is the lock seen to be held still.
func killHolder(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		// A process that was started a moment ago holds the lock and has not written its ID yet: look again.
		process := recorded(path)
		alive, err := held(path)
		if err != nil || !alive {
			return err
		}
		if process != nil {
			_ = process.Kill()
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("kill the process that holds %s: %w", path, err)
		}
	}
}

// recorded returns a handle of the process whose ID is in the file, nil if there is none.
func recorded(path string) *os.Process {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		return nil
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil
	}
	return process
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
