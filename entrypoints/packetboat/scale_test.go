package main

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
)

// scale is how much a test does: always something, with LIVE=all what the README
// promises.
type scale struct {
	few, many   int     // events
	killed      string  // source of the runs that are killed: several passes and many pages
	kills, more int     // runs to be killed with the checkpoint in a file, and elsewhere
	measured    string  // source of the runs that are measured
	gogc        string  // for them: at 10 little more is taken than is held, so that few events show; "" as shipped
	memory      float64 // MiB that they may take
	growth      float64 // and that they may take more of with many events
}

func scaleOf(live string) scale {
	if live != "all" {
		return scale{
			few: 4_000, many: 16_000,
			killed: "{memory: 2MiB, pageBytes: 64KiB}", kills: 5, more: 2,
			measured: "{memory: 4MiB}", gogc: "10", memory: 44, growth: 10,
		}
	}
	return scale{
		few: 20_000, many: 100_000,
		killed: "{memory: 12MiB, pageBytes: 64KiB}", kills: 50, more: 10,
		measured: "{}", memory: 80, growth: 16,
	}
}

// TestScale kills runs and measures their memory on one cluster.
func TestScale(t *testing.T) {
	s := scaleOf(os.Getenv("LIVE"))
	cluster, binary := localtest.Start(t, local.Options{}), build(t)
	written := localtest.WriteEvents(t, cluster, "shop", s.few)
	kill := killings{cluster: cluster, binary: binary, written: written, source: s.killed, signal: syscall.SIGKILL}

	t.Run("killed, checkpoint in a file", func(t *testing.T) {
		k := kill
		k.want = s.kills
		k.testKills(t, inFile)
		assert.Less(t, k.most, len(written)*3/4, "a run commits on its way, not only at its end")
	})
	t.Run("killed, checkpoint in a ConfigMap", func(t *testing.T) {
		k := kill
		k.want = s.more
		k.testKills(t, inConfigMap(cluster.Client()))
	})
	// Asked to end, a run delivers and commits what it has read: nothing comes again.
	t.Run("terminated", func(t *testing.T) {
		k := kill
		k.want, k.signal = s.more, syscall.SIGTERM
		k.testKills(t, inFile)
		assert.Zero(t, k.repeated)
	})
	t.Run("memory does not grow with the cluster", func(t *testing.T) {
		before := peak(t, cluster, binary, s, s.few)
		localtest.WriteEvents(t, cluster, "shop", s.many-s.few)
		after := peak(t, cluster, binary, s, s.many)
		t.Logf("peak of memory without the binary, MiB: %.1f with %d events retained, %.1f with %d", before, s.few, after, s.many)
		assert.Less(t, after, s.memory)
		assert.Less(t, after-before, s.growth)
	})
}
