package pipe

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
)

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{
		Start:              startReader,
		NoRefusal:          "a pipe takes any bytes",
		NoDenial:           "tested beside, with a wrong path",
		NoThrottle:         "a pipe does not say when it is free again",
		NoPartial:          "a batch is one write",
		NoLostReply:        "a write returns in the same process",
		NoDeduplicationKey: "a line has no key beside itself",
		NoSecrets:          "the Config holds none",
		NoRecordLimit:      "a pipe has no limits",
		NoByteLimit:        "a pipe has no limits",
		NoRecordByteLimit:  "a pipe has no limits",
	})
}

func newPipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events.pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	return path
}

func openSink(t *testing.T, path, rest string) sinks.Sink {
	t.Helper()
	c := Kind.NewConfig()
	require.NoError(t, yaml.Unmarshal([]byte("path: "+path+"\n"+rest), c))
	s, err := Kind.Open(t.Context(), c, sinktest.Env(io.Discard))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// openReader opens the reading end without waiting for a writer; reads of it
// then wait for one.
func openReader(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	// A line that never comes fails the test instead of hanging it.
	require.NoError(t, f.SetReadDeadline(time.Now().Add(30*time.Second)))
	return f
}

func records(t *testing.T, s sinks.Sink, n, size int) []sinks.Record {
	t.Helper()
	var batch []sinks.Record
	for i := range n {
		ev := event.Sample()
		ev.Message = fmt.Sprintf("%d %s", i, strings.Repeat("x", size))
		r, err := s.Encode(ev)
		require.NoError(t, err)
		batch = append(batch, r)
	}
	return batch
}

func TestStartDoesNotWaitForAReader_DS33(t *testing.T) {
	path := newPipe(t)
	s := openSink(t, path, "")
	err := s.Send(t.Context(), records(t, s, 1, 0))
	require.ErrorIs(t, err, syscall.ENXIO)
	require.ErrorContains(t, err, "nobody reads it yet")
	require.False(t, sinks.IsStop(err) || sinks.IsPermanent(err), "transient")

	reader := openReader(t, path)
	batch := records(t, s, 1, 0)
	require.NoError(t, s.Send(t.Context(), batch))
	assert.Equal(t, string(batch[0].Body), readLine(t, bufio.NewReader(reader)))
}

func TestAReaderThatComesBackIsServed_DS33(t *testing.T) {
	path := newPipe(t)
	s := openSink(t, path, "")
	reader := openReader(t, path)
	batch := records(t, s, 1, 0)
	require.NoError(t, s.Send(t.Context(), batch))
	require.NoError(t, reader.Close())

	err := s.Send(t.Context(), batch)
	require.ErrorIs(t, err, syscall.EPIPE)
	require.False(t, sinks.IsStop(err), "transient")

	reader = openReader(t, path)
	require.NoError(t, s.Send(t.Context(), batch))
	assert.Equal(t, string(batch[0].Body), readLine(t, bufio.NewReader(reader)))
}

// The pipe is full and its reader stops in mid-line: the Send ends with its
// context, and what the reader gets in the end are whole lines.
func TestASlowReaderNeverSeesGluedLines(t *testing.T) {
	path := newPipe(t)
	s := openSink(t, path, "")
	reader := openReader(t, path)
	first, next := records(t, s, 3, 50<<10), records(t, s, 2, 0)
	connect(t, s, reader)

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Send(ctx, first) }()
	// A byte has arrived, so the write has begun; it is larger than the pipe and cannot end.
	one := make([]byte, 1)
	_, err := io.ReadFull(reader, one)
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)

	go func() { done <- s.Send(t.Context(), next) }()
	in := bufio.NewReader(io.MultiReader(bytes.NewReader(one), reader))
	var got []string
	for len(got) == 0 || got[len(got)-1] != string(next[1].Body) {
		line := readLine(t, in)
		require.True(t, json.Valid([]byte(line)), "a whole line: %.60q", line)
		got = append(got, line)
	}
	require.NoError(t, <-done)
	assert.Equal(t, string(first[0].Body), got[0])
	assert.Equal(t, string(next[0].Body), got[len(got)-2])
}

func TestALineThatTheReaderLeftIsNotGluedToTheNext(t *testing.T) {
	path := newPipe(t)
	s := openSink(t, path, "")
	reader := openReader(t, path)
	big, small := records(t, s, 1, 200<<10), records(t, s, 1, 0)
	connect(t, s, reader)

	done := make(chan error)
	go func() { done <- s.Send(t.Context(), big) }()
	_, err := io.ReadFull(reader, make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	require.ErrorIs(t, <-done, syscall.EPIPE)

	in := bufio.NewReader(openReader(t, path))
	require.NoError(t, s.Send(t.Context(), small))
	assert.Equal(t, "\n", readLine(t, in), "whatever was left of the old line ends here")
	assert.Equal(t, string(small[0].Body), readLine(t, in))
}

func TestAFileIsNeverTruncated_DS33(t *testing.T) {
	for before, want := range map[string]string{
		"":          "",
		"{}\n":      "{}\n",
		"{\"torn\"": "{\"torn\"\n",
	} {
		path := filepath.Join(t.TempDir(), "events.json")
		require.NoError(t, os.WriteFile(path, []byte(before), 0o600))
		var bodies string
		for range 2 { // two runs
			s := openSink(t, path, "")
			batch := records(t, s, 2, 0)
			require.NoError(t, s.Send(t.Context(), batch))
			require.NoError(t, s.Close(t.Context()))
			bodies += string(batch[0].Body) + string(batch[1].Body)
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want+bodies, string(got))
	}
}

func TestAMissingFileIsMadeAtTheFirstSend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.json")
	s := openSink(t, path, "")
	assert.NoFileExists(t, path)
	require.NoError(t, s.Send(t.Context(), records(t, s, 1, 0)))
	assert.FileExists(t, path)
}

func TestAWrongPathStopsTheReceiver(t *testing.T) {
	for name, path := range map[string]string{
		"a folder": t.TempDir(), "no such folder": filepath.Join(t.TempDir(), "none", "pipe"),
	} {
		t.Run(name, func(t *testing.T) {
			s := openSink(t, path, "")
			err := s.Send(t.Context(), records(t, s, 1, 0))
			require.Error(t, err)
			assert.True(t, sinks.IsStop(err), "%v", err)
		})
	}
	_, err := Kind.Open(t.Context(), Kind.NewConfig(), sinktest.Env(io.Discard))
	require.EqualError(t, err, "path: is missing")
}

func TestAFullDiskIsTransient(t *testing.T) {
	s := openSink(t, "/dev/full", "")
	err := s.Send(t.Context(), records(t, s, 1, 0))
	require.ErrorIs(t, err, syscall.ENOSPC)
	assert.False(t, sinks.IsStop(err))
}

// connect sends one record and reads it: before that a read finds no writer.
func connect(t *testing.T, s sinks.Sink, reader io.Reader) {
	t.Helper()
	batch := records(t, s, 1, 0)
	require.NoError(t, s.Send(t.Context(), batch))
	_, err := io.ReadFull(reader, make([]byte, len(batch[0].Body)))
	require.NoError(t, err)
}

func readLine(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	return line
}
