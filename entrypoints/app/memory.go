package app

import (
	"os"
	"runtime/debug"
)

// room is what the process needs beside the events held while reading: pages
// on their way to the receivers, batches, buffers.
const room = 32 << 20

// limitMemory tells the garbage collector how much memory this configuration is
// meant to take, so that garbage does not double what is held. Measured with
// 100,000 events retained: 82 MB resident instead of 115 for 7 % more CPU. It is
// no hard limit, and GOMEMLIMIT goes before it.
func limitMemory(held int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(held) + room)
	}
}
