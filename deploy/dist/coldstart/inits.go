// Package coldstart measures what a program does before its work: what the
// initialisation of its packages costs, and what it takes until it asks the
// Kubernetes API for something.
//
// Bytes and allocations are the same on each machine, times are those of this
// one. Nothing is retried; measuring two programs at a time spoils the times.
package coldstart

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// Init is the initialisation of packages.
type Init struct {
	Package string
	Clock   time.Duration
	Bytes   int
	Allocs  int
}

// Go's runtime documents the line: init PACKAGE @START ms, CLOCK ms clock, N bytes, M allocs.
var line = regexp.MustCompile(`^init (\S+) @\S+ ms, (\S+) ms clock, (\d+) bytes, (\d+) allocs$`)

// Inits are those of all packages that do something before main, in their order,
// of a program that is run with arguments that let it end at once.
func Inits(ctx context.Context, program string, args ...string) ([]Init, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"GODEBUG=inittrace=1"}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return nil, fmt.Errorf("trace initialisation: %w", err)
	}
	var all []Init
	for lines := bufio.NewScanner(&said); lines.Scan(); {
		f := line.FindStringSubmatch(lines.Text())
		if f == nil {
			continue // what the program itself says
		}
		ms, err := strconv.ParseFloat(f[2], 64)
		if err != nil {
			return nil, fmt.Errorf("trace initialisation: %w", err)
		}
		// The expression has let only digits through.
		size, _ := strconv.Atoi(f[3])
		allocs, _ := strconv.Atoi(f[4])
		all = append(all, Init{f[1], time.Duration(ms * float64(time.Millisecond)), size, allocs})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("trace initialisation: %s traced nothing", program)
	}
	return all, nil
}

// Sum is that of all packages.
func Sum(all []Init) Init {
	sum := Init{Package: "all"}
	for _, i := range all {
		sum.Clock += i.Clock
		sum.Bytes += i.Bytes
		sum.Allocs += i.Allocs
	}
	return sum
}
