package sinktest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden payloads instead of comparing them")

// goldenBytes is how much of a body a golden file shows; of a longer one it has
// the beginning, the length and the digest.
const goldenBytes = 4 << 10

func goldenPayloads(t *testing.T, s *subject) {
	for _, c := range Events() {
		record, err := s.sink.Encode(c.Event)
		require.NoError(t, err, c.Name)
		s.compare(t, c.Name, record.Body)
	}
}

// compare wants a body to be what its golden file shows.
func (s *subject) compare(t *testing.T, name string, body []byte) {
	t.Helper()
	folder := cmp.Or(s.Golden, "testdata")
	got := goldenText(body)
	file := filepath.Join(folder, name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll(folder, 0o755))
		require.NoError(t, os.WriteFile(file, got, 0o644))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "go test -update writes it")
	assert.Equal(t, string(want), string(got), "%s; go test -update writes it", file)
}

func goldenText(body []byte) []byte {
	if len(body) <= goldenBytes {
		return append(bytes.TrimSuffix(bytes.Clone(body), []byte("\n")), '\n')
	}
	return fmt.Appendf(bytes.Clone(body[:goldenBytes]), "\n... %d bytes, sha256 %x\n", len(body), sha256.Sum256(body))
}
