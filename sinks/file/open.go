package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/packetboat/packetboat/sinks"
)

// open opens the file at its end, made and repaired if need be.
func (s *sink) open() error {
	path := s.config.Path
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("make the folder of the file: %w", err)
	}
	info, err := os.Lstat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	if err != nil && !isNew {
		return fmt.Errorf("open the file: %w", err)
	}
	s.plain = isNew || info.Mode().IsRegular()
	if !s.plain {
		return s.openDevice()
	}
	s.file, err = os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the file: %w", err)
	}
	if isNew {
		// If we crash before the name is on the disk, so may be the accepted lines without a name.
		if err := syncFolder(filepath.Dir(path)); err != nil {
			return err
		}
	}
	if s.size, err = s.repair(); err != nil {
		return fmt.Errorf("repair the end of the file: %w", err)
	}
	s.prune()
	return nil
}

// openDevice opens what is not an ordinary file, above all /dev/stdout, which
// upstream's example uses. It is neither repaired nor rotated: it is not ours.
func (s *sink) openDevice() error {
	// Without O_NONBLOCK a named pipe waits here for its reader.
	file, err := os.OpenFile(s.config.Path, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("open the file: %w", err)
	}
	s.file, s.size = file, 0
	return nil
}

// rotate puts the full file aside, all of which is on the disk, and begins a
// new one. If we crash in between, the next open makes the new one.
func (s *sink) rotate() error {
	s.release()
	// The name of the file that is put aside has milliseconds: a second one in
	// the same millisecond would replace it.
	time.Sleep(time.Until(s.rotated.Add(2 * time.Millisecond)))
	if err := errors.Join(s.aside.Rotate(), s.aside.Close()); err != nil {
		return fmt.Errorf("put the full file aside: %w", err)
	}
	s.rotated = time.Now()
	if err := s.open(); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(s.config.Path))
}

// prune deletes and compresses what was put aside, as the limits now say. An
// empty write makes lumberjack do that without touching the file.
func (s *sink) prune() {
	c := s.config
	if s.pruned || s.size >= c.maxBytes() || c.MaxAge == 0 && c.MaxBackups == 0 && !c.Compress {
		return // nothing to do, or the rotation that comes does it
	}
	s.pruned = true
	_, err := s.aside.Write(nil)
	if err = errors.Join(err, s.aside.Close()); err != nil {
		s.log.Warn("old files could not be looked for", "error", err)
	}
}

// newAside names, deletes and compresses the files that are put aside. The
// writing is ours: lumberjack forces nothing to the disk. Its clean-up goroutine
// outlives the sink, one for each receiver.
func newAside(c Config) *lumberjack.Logger {
	return &lumberjack.Logger{
		Filename: c.Path, MaxSize: int(c.maxBytes() / mebibyte),
		MaxAge: c.MaxAge, MaxBackups: c.MaxBackups, Compress: c.Compress,
	}
}

// makeFolder makes a folder and those above it, each with its name on the disk.
func makeFolder(path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(parent)
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("force the folder to the disk: %w", err)
	}
	defer func() { _ = folder.Close() }()
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // some file systems have no such thing
		return fmt.Errorf("force the folder to the disk: %w", err)
	}
	return nil
}

// verdict: a path that cannot be written to is the configuration's fault. A
// full disk is not.
func verdict(err error) error {
	for _, wrong := range []error{
		fs.ErrPermission, syscall.ENOTDIR, syscall.EISDIR, syscall.EROFS, syscall.ENAMETOOLONG, syscall.ELOOP,
	} {
		if errors.Is(err, wrong) {
			return sinks.Stop(err)
		}
	}
	return err
}
