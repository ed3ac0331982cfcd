package file

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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
		Start: func(t *testing.T) sinktest.Destination {
			d := &scriptedDisk{path: filepath.Join(t.TempDir(), "events", "out.json")}
			return sinktest.Destination{
				Kind: kind(disk{write: d.write, sync: d.sync}), Config: "path: " + d.path, Service: d,
			}
		},
		NoRefusal:          "a disk takes any bytes",
		NoThrottle:         "a disk does not say when it is free again",
		NoPartial:          "a batch is one write",
		NoCancel:           "a write to a disk cannot be interrupted",
		NoDeduplicationKey: "a line has no key beside itself",
		NoSecrets:          "the Config holds none",
		NoRecordLimit:      "only bytes count",
	})
}

func openFile(t *testing.T, k sinks.Kind, config string) sinks.Sink {
	t.Helper()
	c := k.NewConfig()
	require.NoError(t, yaml.Unmarshal([]byte(config), c))
	s, err := k.Open(t.Context(), c, sinktest.Env(io.Discard))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	return s
}

func encode(t *testing.T, s sinks.Sink, message string) sinks.Record {
	t.Helper()
	ev := event.Sample()
	ev.Message = message
	r, err := s.Encode(ev)
	require.NoError(t, err)
	return r
}

func TestTheEndOfTheFileIsRepaired(t *testing.T) {
	const whole = `{"a":1}` + "\n"
	far := strings.Repeat("x", maxBatch+block)
	for name, tc := range map[string]struct{ layout, before, want string }{
		"empty":                         {"", "", ""},
		"ends well":                     {"", whole, whole},
		"unfinished line of ours":       {"", whole + `{"b":"gr`, whole},
		"nothing but an unfinished one": {"", `{"b":`, ""},
		"whole value without its end":   {"", whole + `{"b":2}`, whole + `{"b":2}` + "\n"},
		"other people's text":           {"", whole + "hello", whole + "hello\n"},
		"zeros after a power failure":   {"", whole + "\x00\x00", whole + "\x00\x00\n"},
		"unfinished and long":           {"", whole + `{"b":"` + strings.Repeat("x", 3*block), whole},
		"longer than any line of ours":  {"", whole + `{` + far, whole + `{` + far + "\n"},
		"unfinished line of a list":     {"layout: [a, b]", whole + `["a",`, whole},
		"a list where ours are objects": {"", whole + `["a",`, whole + `["a",` + "\n"},
		"unfinished line of a text":     {"layout: abc", whole + `"ab`, whole},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out.json")
			require.NoError(t, os.WriteFile(path, []byte(tc.before), 0o600))
			s := openFile(t, Kind, "path: "+path+"\n"+tc.layout)
			r := encode(t, s, "next")
			require.NoError(t, s.Send(t.Context(), []sinks.Record{r}))
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, tc.want+string(r.Body) == string(got), "got %.100q", got) //nolint:testifylint // it would print megabytes
		})
	}
}

func TestFullDiskLeavesNoTornLine(t *testing.T) {
	d := &scriptedDisk{path: filepath.Join(t.TempDir(), "out.json")}
	s := openFile(t, kind(disk{write: d.write, sync: d.sync}), "path: "+d.path)
	first, second := encode(t, s, "first"), encode(t, s, "second")
	require.NoError(t, s.Send(t.Context(), []sinks.Record{first}))

	d.Script(sinktest.Answer{Outcome: sinktest.Unavailable})
	err := s.Send(t.Context(), []sinks.Record{second})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.False(t, sinks.IsStop(err) || sinks.IsPermanent(err))

	require.NoError(t, s.Send(t.Context(), []sinks.Record{second}))
	assert.Equal(t, string(first.Body)+string(second.Body), read(t, d.path))
}

func TestAFailedSyncIsNotAccepted(t *testing.T) {
	d := &scriptedDisk{path: filepath.Join(t.TempDir(), "out.json")}
	s := openFile(t, kind(disk{write: d.write, sync: d.sync}), "path: "+d.path)
	d.Script(sinktest.Answer{Outcome: sinktest.ReplyLost})
	require.ErrorContains(t, s.Send(t.Context(), []sinks.Record{encode(t, s, "x")}), "force the file to the disk")
}

func TestRotationKeepsEveryLine_DS32(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "out.json")
	s := openFile(t, Kind, "path: "+path+"\nmaxsize: 1")
	var want []string
	for i := range 24 {
		r := encode(t, s, fmt.Sprintf("%d %s", i, strings.Repeat("x", 300<<10)))
		want = append(want, string(r.Body))
		require.NoError(t, s.Send(t.Context(), []sinks.Record{r}))
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	require.NoError(t, err)
	require.Greater(t, len(files), 5)
	slices.Sort(files) // out-TIME.json in order of time, out.json last
	var got []string
	for _, f := range files {
		info, err := os.Stat(f)
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), int64(mebibyte))
		got = append(got, slices.Collect(strings.Lines(read(t, f)))...)
	}
	assert.Equal(t, want, got)
}

func TestOldFilesAreDeletedAndCompressed_DS32(t *testing.T) {
	folder := t.TempDir()
	for _, day := range []string{"01", "02", "03"} {
		old := filepath.Join(folder, "out-2020-01-"+day+"T00-00-00.000.json")
		require.NoError(t, os.WriteFile(old, []byte("{}\n"), 0o600))
	}
	s := openFile(t, Kind, "path: "+filepath.Join(folder, "out.json")+"\nmaxbackups: 2\ncompress: true")
	require.NoError(t, s.Send(t.Context(), []sinks.Record{encode(t, s, "x")}))
	want := []string{"out-2020-01-02T00-00-00.000.json.gz", "out-2020-01-03T00-00-00.000.json.gz", "out.json"}
	require.EventuallyWithT(t, func(c *assert.CollectT) { // lumberjack does it in the background
		entries, err := os.ReadDir(folder)
		require.NoError(c, err)
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		assert.Equal(c, want, names)
	}, 20*time.Second, 10*time.Millisecond)
}

func TestAFileThatWasTakenAwayIsMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.json")
	s := openFile(t, Kind, "path: "+path)
	first, second := encode(t, s, "first"), encode(t, s, "second")
	require.NoError(t, s.Send(t.Context(), []sinks.Record{first}))
	require.NoError(t, os.Rename(path, path+".moved"))
	require.NoError(t, s.Send(t.Context(), []sinks.Record{second}))
	assert.Equal(t, string(first.Body), read(t, path+".moved"))
	assert.Equal(t, string(second.Body), read(t, path))
}

func TestOpenTouchesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "out.json")
	s := openFile(t, Kind, "path: "+path)
	require.NoError(t, s.Close(t.Context()))
	assert.NoDirExists(t, filepath.Dir(path))
}

func TestAWrongPathStopsTheReceiver(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "plain"), nil, 0o600))
	for name, path := range map[string]string{
		"a folder":            folder,
		"below a file":        filepath.Join(folder, "plain", "out.json"),
		"a name far too long": filepath.Join(folder, strings.Repeat("n", 300)),
	} {
		t.Run(name, func(t *testing.T) {
			s := openFile(t, Kind, "path: "+path)
			err := s.Send(t.Context(), []sinks.Record{encode(t, s, "x")})
			require.Error(t, err)
			assert.True(t, sinks.IsStop(err), "%v", err)
		})
	}
	for _, wrong := range []error{syscall.EACCES, syscall.EPERM, syscall.EROFS} {
		assert.True(t, sinks.IsStop(verdict(fmt.Errorf("open: %w", wrong))), wrong)
	}
	for _, passing := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EMFILE} {
		assert.False(t, sinks.IsStop(verdict(fmt.Errorf("open: %w", passing))), passing)
	}
}

// Upstream's own example writes to /dev/stdout.
func TestADeviceOrLinkIsAppendedToAndLeftAlone(t *testing.T) {
	folder := t.TempDir()
	target, link := filepath.Join(folder, "target"), filepath.Join(folder, "link")
	require.NoError(t, os.WriteFile(target, []byte("{torn"), 0o600))
	require.NoError(t, os.Symlink(target, link))
	for _, path := range []string{"/dev/null", link} {
		s := openFile(t, Kind, "path: "+path+"\nmaxsize: 1")
		for range 3 {
			require.NoError(t, s.Send(t.Context(), []sinks.Record{encode(t, s, strings.Repeat("x", 600<<10))}))
		}
	}
	assert.True(t, strings.HasPrefix(read(t, target), "{torn{"), "not repaired")
	names, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Len(t, names, 2, "not rotated")

	full := openFile(t, Kind, "path: /dev/full")
	require.ErrorIs(t, full.Send(t.Context(), []sinks.Record{encode(t, full, "x")}), syscall.ENOSPC)
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                        "path: is missing",
		"{path: a, maxsize: -1}":    "maxsize: want 0 or more, got -1",
		"{path: a, maxage: -1}":     "maxage: want 0 or more, got -1",
		"{path: a, maxbackups: -1}": "maxbackups: want 0 or more, got -1",
	} {
		c := Kind.NewConfig()
		require.NoError(t, yaml.Unmarshal([]byte(config), c))
		_, err := Kind.Open(t.Context(), c, sinktest.Env(io.Discard))
		require.EqualError(t, err, want)
	}
	assert.Equal(t, int64(100*mebibyte), Config{}.maxBytes(), "upstream's default")
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}
