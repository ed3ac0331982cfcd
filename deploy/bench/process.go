package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// Usage is what a process took.
type Usage struct {
	Wall time.Duration `json:"wallNanoseconds"` // from exec to its end
	CPU  time.Duration `json:"cpuNanoseconds"`  // user and system
	Peak int64         `json:"peakBytes"`       // resident, the pages of its binary included
}

// look is how often a process is asked for its peak, which only grows: what it
// takes in its last moments is missed.
const look = 5 * time.Millisecond

// Measure runs a command to its end. Its standard error is part of the error.
func Measure(ctx context.Context, cmd *exec.Cmd) (Usage, error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return Usage{}, err
	}
	ended := make(chan struct{})
	peaks := make(chan int64)
	go func() { peaks <- watchPeak(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	u := Usage{Wall: time.Since(began)}
	close(ended)
	u.Peak = <-peaks
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if err != nil {
		return u, fmt.Errorf("%s: %w\n%s", cmd, err, said.Bytes())
	}
	return u, ctx.Err()
}

func watchPeak(pid int, ended <-chan struct{}) (peak int64) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return peak
		case <-tick.C:
			peak = max(peak, status(pid, peakLine))
		}
	}
}

// Lines of /proc/PID/status (proc_pid_status(5)).
var (
	peakLine     = regexp.MustCompile(`(?m)^VmHWM:\s*(\d+) kB$`)
	residentLine = regexp.MustCompile(`(?m)^VmRSS:\s*(\d+) kB$`)
)

// status is a line of /proc/PID/status in bytes, 0 if the process is gone. The
// kernel's ru_maxrss would not do: it begins with what the parent had.
func status(pid int, line *regexp.Regexp) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	found := line.FindSubmatch(b)
	if found == nil {
		return 0
	}
	kib, _ := strconv.ParseInt(string(found[1]), 10, 64) // digits only
	return kib << 10
}

// cpuOf is what a running process took so far, in steps of 10 ms.
func cpuOf(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name before it, in brackets, may hold anything (proc_pid_stat(5)).
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, b)
	}
	user, err := strconv.Atoi(string(fields[11]))
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(string(fields[12]))
	return time.Duration(user+system) * 10 * time.Millisecond, err
}
