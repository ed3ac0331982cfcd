package bench

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/proving"
)

// TestSuite measures few events: every case runs, and delivers what it should.
func TestSuite(t *testing.T) {
	dir := t.TempDir()
	reader := filepath.Join(dir, "reader")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", reader, "./cmd/reader").CombinedOutput()
	require.NoError(t, err, "%s", out)
	s := &Suite{Packetboat: proving.Build(t), Reader: reader, Dir: dir, Cluster: localtest.Start(t, local.Options{}), Events: 300, Rounds: 1}
	r := &Record{Retained: s.Events, Rounds: s.Rounds}
	r.Cases, err = s.Run(t.Context())
	require.NoError(t, err)
	for _, c := range r.Cases {
		assert.Positive(t, c.Wall, c.Name)
		assert.Positive(t, c.Peak, c.Name)
		assert.Equal(t, c.Beside != "", r.ratio(c) != "", "%s is compared with %q", c.Name, c.Beside)
	}
	require.Error(t, s.lines(New+1), "what is missing is seen")
	require.Error(t, s.bulk.received(-1))
}

func TestRecordIsInTheReadme(t *testing.T) {
	b, err := os.ReadFile("record.json")
	require.NoError(t, err)
	var r Record
	require.NoError(t, json.Unmarshal(b, &r))
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(readme), begin)
	table, _, found := strings.Cut(rest, end)
	require.True(t, found)
	assert.Equal(t, r.Table(), table)
}

func TestIdle(t *testing.T) {
	r := Record{Idle: &Idle{For: time.Minute, CPU: 60 * time.Millisecond, Resident: 40 << 20}}
	assert.Contains(t, r.Table(), "An idle watch: 40 MiB resident, 0.10 % of one core over 1m0s.")
}
