// Command coldstart prints what programs do before their work: the commands, or
// the bootstraps of Lambda functions, that it is given.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/packetboat/packetboat/deploy/dist/coldstart"
)

func main() {
	runs := flag.Int("runs", 20, "starts of each, of which the median is printed")
	most := flag.Int("packages", 0, "print the packages with the most bytes too")
	flag.Parse()
	if err := measure(context.Background(), *runs, *most, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, runs, most int, programs []string) error {
	fmt.Println("| program | initialisation | bytes | allocations | first API request | on a processor |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: | ---: |")
	for _, program := range programs {
		program, err := filepath.Abs(program)
		if err != nil {
			return err
		}
		inits, err := coldstart.Inits(ctx, program, "--version")
		if err != nil {
			return err
		}
		start, err := median(ctx, runs, program)
		if err != nil {
			return err
		}
		sum := coldstart.Sum(inits)
		fmt.Printf("| %s | %.1f ms | %d KiB | %d | %d ms | %d ms |\n", filepath.Base(program),
			float64(sum.Clock.Microseconds())/1000, sum.Bytes>>10, sum.Allocs, start.Clock.Milliseconds(), start.CPU.Milliseconds())
		slices.SortFunc(inits, func(a, b coldstart.Init) int { return b.Bytes - a.Bytes })
		for _, i := range inits[:min(most, len(inits))] {
			fmt.Printf("| - %s | %.2f ms | %d KiB | %d | | |\n", i.Package, float64(i.Clock.Microseconds())/1000, i.Bytes>>10, i.Allocs)
		}
	}
	return nil
}

// median is that of each figure for itself.
func median(ctx context.Context, runs int, program string) (coldstart.Start, error) {
	var clocks, cpus []time.Duration
	for range runs {
		s, err := coldstart.FirstRequest(ctx, program)
		if err != nil {
			return s, err
		}
		clocks, cpus = append(clocks, s.Clock), append(cpus, s.CPU)
	}
	slices.Sort(clocks)
	slices.Sort(cpus)
	return coldstart.Start{Clock: clocks[runs/2], CPU: cpus[runs/2]}, nil
}
