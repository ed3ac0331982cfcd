package pipe

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/sinks/sinktest"
)

// reader is the program at the other end of a real named pipe. It goes away
// (Unavailable) or stops reading while the pipe is full (Silent).
type reader struct {
	t    *testing.T
	path string
	// second is a writing end of ours: marks come through it, and the pipe
	// lives as long as it is open.
	second *os.File
	file   *os.File
	ended  chan struct{}
	marks  chan string

	mu         sync.Mutex
	script     []sinktest.Answer
	attempts   int
	deliveries []sinktest.Delivery
}

func startReader(t *testing.T) sinktest.Destination {
	t.Helper()
	r := &reader{t: t, path: newPipe(t), marks: make(chan string, 1)}
	r.attach()
	second, err := os.OpenFile(r.path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	r.second = second
	go r.read(r.file, r.ended)
	t.Cleanup(func() {
		_ = r.file.Close()
		_ = r.second.Close()
		<-r.ended
	})
	return sinktest.Destination{Kind: kind(r.write), Config: "path: " + r.path, Service: r}
}

func (r *reader) attach() {
	r.file = openReader(r.t, r.path)
	r.ended = make(chan struct{})
}

func (r *reader) read(file *os.File, ended chan struct{}) {
	defer close(ended)
	in := bufio.NewReader(file)
	for {
		line, err := in.ReadBytes('\n')
		switch {
		case err != nil:
			return
		case line[0] == '#':
			r.marks <- string(line)
		case len(line) > 1: // filling is empty lines
			r.mu.Lock()
			r.deliveries = append(r.deliveries, sinktest.Delivery{Body: line})
			r.mu.Unlock()
		}
	}
}

// drain returns when all that is in the pipe now has been read.
func (r *reader) drain() {
	mark := fmt.Sprintf("#%d\n", time.Now().UnixNano())
	_, err := r.second.WriteString(mark)
	require.NoError(r.t, err)
	require.Equal(r.t, mark, <-r.marks)
}

// write stands for the write call of the sink.
func (r *reader) write(f *os.File, b []byte) (int, error) {
	r.mu.Lock()
	r.attempts++
	var a sinktest.Answer
	if len(r.script) > 0 {
		a, r.script = r.script[0], r.script[1:]
	}
	r.mu.Unlock()
	switch a.Outcome {
	case sinktest.Unavailable:
		r.drain()
		_ = r.file.Close()
		<-r.ended
		defer func() {
			r.attach()
			go r.read(r.file, r.ended)
		}()
	case sinktest.Silent:
		r.drain()
		_ = r.file.SetReadDeadline(time.Unix(1, 0))
		<-r.ended
		r.fill()
	}
	return f.Write(b)
}

// fill leaves no room for a single byte.
func (r *reader) fill() {
	raw, err := r.second.SyscallConn()
	require.NoError(r.t, err)
	require.NoError(r.t, raw.Control(func(fd uintptr) {
		for _, size := range []int{4096, 1} {
			filling := bytes.Repeat([]byte("\n"), size)
			for err == nil {
				_, err = syscall.Write(int(fd), filling)
			}
			require.ErrorIs(r.t, err, syscall.EAGAIN)
			err = nil
		}
	}))
}

func (r *reader) Script(answers ...sinktest.Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script = append(r.script, answers...)
}

func (r *reader) Attempts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attempts
}

func (r *reader) Deliveries() []sinktest.Delivery {
	r.drain()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.deliveries)
}
