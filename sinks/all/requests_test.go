package all

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/core/deliver"
	"github.com/packetboat/packetboat/sinks"
	"github.com/packetboat/packetboat/sinks/sinktest"
	"github.com/packetboat/packetboat/state"
)

// local kinds make no requests.
func local() []string { return []string{"file", "pipe", "prometheus", "stdout"} }

// unsent is a sink whose service takes every batch unseen.
type unsent struct {
	sinks.Sink
	batches atomic.Int64
}

func (u *unsent) Send(context.Context, []sinks.Record) error {
	u.batches.Add(1)
	return nil
}

// requestsPerThousand is how many batches the first example of a sink's README
// makes of 1,000 events of 1 KiB. That a batch is one request is for the sink's
// own TestRequestsPerThousand to show, at a fake of its service.
func requestsPerThousand(t *testing.T, k sinks.Kind) string {
	t.Helper()
	if slices.Contains(local(), k.Name) {
		return "none"
	}
	readme, err := os.ReadFile(filepath.Join("..", k.Name, "README.md"))
	require.NoError(t, err)
	config := examples(t, k, yamlBlocks(string(readme))[0])[0]
	sink, err := k.Open(t.Context(), config, sinktest.Env(io.Discard))
	require.NoError(t, err)
	defer func() { assert.NoError(t, sink.Close(t.Context())) }()

	counted := &unsent{Sink: sink}
	in := make(chan deliver.Parcel, 1)
	in <- deliver.Parcel{Events: sinktest.Kibibyte(1000)}
	close(in)
	receiver := deliver.New(deliver.Options{Name: k.Name, Sink: counted, Batch: deliver.Batch{Age: time.Hour}})
	require.NoError(t, receiver.Deliver(t.Context(), state.Cursor{}, in, func() error { return nil }, func(state.Cursor) {}))
	require.EqualValues(t, 1000, receiver.Stats().Delivered, k.Name)
	return strconv.FormatInt(counted.batches.Load(), 10)
}

// The table's figure is worth nothing without a test at the service's fake.
func TestEverySinkCountsItsRequests(t *testing.T) {
	for _, k := range Kinds() {
		if slices.Contains(local(), k.Name) {
			continue
		}
		assert.Contains(t, testNames(t, filepath.Join("..", k.Name)), "TestRequestsPerThousand", k.Name)
	}
}
