package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
)

const mebibyte = 1 << 20

// peak is the least of two runs' peaks, in MiB: when the garbage collector
// comes is a matter of chance, what a run needs is not.
func peak(t *testing.T, cluster *local.Cluster, binary string, s scale, events int) float64 {
	t.Helper()
	least := 0.0
	for range 2 {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "config.yaml"), fmt.Sprintf(fileConfig, s.measured))
		c := newChild(t, binary, dir, "run", "--config", "config.yaml", "--checkpoint", "file:checkpoint.json",
			"--kubeconfig", cluster.Kubeconfig(local.Admin), "--output", "json")
		if s.gogc != "" {
			c.Env = append(os.Environ(), "GOGC="+s.gogc)
		}
		require.NoError(t, c.Start())
		rss := watchPeak(t, c)
		require.NoError(t, os.RemoveAll(dir))
		require.EqualValues(t, events, c.report(t).Receivers["archive"].Delivered)
		if least == 0 || rss < least {
			least = rss
		}
	}
	return least
}

// watchPeak waits for a child to end and returns the peak of its own memory,
// without the pages of the binary, of which the kernel keeps more or less as it
// likes. Linux is asked while it runs: what it says at the end includes the memory
// of the process that it was forked from, which is this test.
func watchPeak(t *testing.T, c *child) (peak float64) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			require.NoError(t, err, "%s", &c.stderr)
			if peak == 0 { // no /proc: not Linux
				binary, err := os.Stat(c.Path)
				require.NoError(t, err)
				peak = float64(c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss-binary.Size()) / mebibyte
			}
			return peak
		case <-look.C:
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
			if err != nil {
				continue // it is ending
			}
			if found := anonymous.FindSubmatch(status); found != nil {
				kibibytes, err := strconv.ParseFloat(string(found[1]), 64)
				require.NoError(t, err)
				peak = max(peak, kibibytes/1024)
			}
		}
	}
}

var anonymous = regexp.MustCompile(`(?m)^RssAnon:\s+(\d+) kB$`)

// fileConfig reads namespace shop with the given source into events.jsonl.
const fileConfig = `namespace: shop
source: %s
route:
  match:
    - receiver: archive
receivers:
  - name: archive
    file: {path: events.jsonl, maxsize: 1000}
`
