package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/deploy/local/peers"
	"github.com/packetboat/packetboat/entrypoints/functiontest"
)

// The smallest function that Lambda has is enough for 2,000 events: what the
// process has for itself, its heap above all, stays far below 128 MB. The pages of
// the binary, which the kernel drops when it needs them, are said and not judged.
func TestMemoryOfARun(t *testing.T) {
	const events, most = 2000, 48 << 10 // KiB: twice what was measured
	p := &platform{binary: functiontest.Build(t), s3: peers.StartS3(t)[0]}
	w := functiontest.NewWorld(t, functiontest.Cluster(t), p, "")
	instance := w.Start(time.Minute)
	w.Write(1)
	w.Report(instance) // the first run begins where it begins; this one is measured whole
	w.Write(events)
	done := make(chan struct{})
	peak := make(chan map[string]int)
	go func() { peak <- watchMemory(instance.Pid(), done) }()
	delivered := w.Report(instance).Receivers["hook"].Delivered
	close(done)
	seen := <-peak
	assert.EqualValues(t, events, delivered)
	t.Logf("peak in KiB: %v", seen)
	assert.LessOrEqual(t, seen["RssAnon"], most)
}

var memory = regexp.MustCompile(`(?m)^(RssAnon|VmHWM):\s+(\d+) kB$`)

// watchMemory is the highest that Linux says while a process runs.
func watchMemory(pid int, done <-chan struct{}) map[string]int {
	peak := map[string]int{}
	for look := time.NewTicker(2 * time.Millisecond); ; {
		select {
		case <-done:
			look.Stop()
			return peak
		case <-look.C:
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if err != nil {
				continue
			}
			for _, f := range memory.FindAllStringSubmatch(string(status), -1) {
				if n, err := strconv.Atoi(f[2]); err == nil {
					peak[f[1]] = max(peak[f[1]], n)
				}
			}
		}
	}
}
