package file

import (
	"bytes"
	"os"
	"sync"
	"syscall"

	"github.com/packetboat/packetboat/sinks/sinktest"
)

// scriptedDisk is a real file behind a disk that fails on demand.
type scriptedDisk struct {
	path string

	mu       sync.Mutex
	script   []sinktest.Answer
	attempts int
	failSync bool
}

func (d *scriptedDisk) Script(answers ...sinktest.Answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.script = append(d.script, answers...)
}

func (d *scriptedDisk) Attempts() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.attempts
}

func (d *scriptedDisk) Deliveries() []sinktest.Delivery {
	content, err := os.ReadFile(d.path)
	if err != nil {
		return nil
	}
	var all []sinktest.Delivery
	for line := range bytes.Lines(content) {
		all = append(all, sinktest.Delivery{Body: line})
	}
	return all
}

func (d *scriptedDisk) write(f *os.File, b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attempts++
	var a sinktest.Answer
	if len(d.script) > 0 {
		a, d.script = d.script[0], d.script[1:]
	}
	switch a.Outcome {
	case sinktest.Unavailable: // full in the middle of a line
		n, _ := f.Write(b[:len(b)/2])
		return n, syscall.ENOSPC
	case sinktest.Forbidden:
		return 0, syscall.EROFS
	case sinktest.ReplyLost:
		d.failSync = true
	}
	return f.Write(b)
}

func (d *scriptedDisk) sync(f *os.File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failSync {
		d.failSync = false
		return syscall.EIO
	}
	return f.Sync()
}
