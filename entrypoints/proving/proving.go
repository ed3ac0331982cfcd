// Package proving is what the suites share that run the command as a process of
// its own. It fails the test on error, so it must be called from the test's own
// goroutine.
package proving

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Build makes the command as it is shipped.
func Build(t testing.TB) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "packetboat")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "disable_grpc_modules", "-o", binary,
		"github.com/packetboat/packetboat/entrypoints/packetboat")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// Mistake is an error that names some of the IDs, nil if there are none.
func Mistake(what string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return fmt.Errorf("%d events %s, such as %s", len(ids), what, strings.Join(ids[:min(5, len(ids))], ", "))
}
