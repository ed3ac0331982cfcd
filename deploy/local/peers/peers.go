// Package peers gives Go tests the services that packetboat talks to: always a
// fake inside the test's own process, and with LIVE set in the environment also
// a real server or a trusted emulator, built from source once and started on
// loopback.
//
// A peer ends with the test, also when the test process is killed, and is shared
// by nobody else. Which peers take part is in the test's log. A peer that is
// asked for and cannot be had fails the test: nothing is left out in silence.
// Everything must be called from the test's own goroutine.
package peers

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Live reports whether real servers are to take part.
func Live() bool { return os.Getenv("LIVE") != "" }

// program is a server that go install can build.
type program struct {
	name    string // of the binary as we keep it
	pkg     string
	version string
}

// start runs the program until the test ends. args gets the address to listen
// on. It returns that address when a GET of ready is answered at all.
func (p program) start(t testing.TB, ready string, env []string, args func(host, port string) []string) (addr string) {
	t.Helper()
	binary := p.build(t)
	addr = freeAddr(t)
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)

	// The shell ends the server when its own standard input ends, and that ends with this process, however it ends.
	const guard = `"$@" & server=$!; read -r _; kill -9 "$server"; wait "$server"`
	//nolint:noctx // it ends with the test, not with a call
	cmd := exec.Command("sh", append([]string{"-c", guard, "sh", binary}, args(host, port)...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}, env...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // the shell reports that its server was killed
		if t.Failed() {
			t.Logf("last words of %s:\n%s", p.name, log.Bytes()[max(0, log.Len()-4096):])
		}
	})
	require.Eventually(t, func() bool { return answers("http://" + addr + ready) }, time.Minute, 20*time.Millisecond,
		"%s does not answer", p.name)
	t.Logf("peer: %s %s, a process of its own", p.name, p.version)
	return addr
}

func answers(url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil
}

func freeAddr(t testing.TB) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// repoRoot finds the repository around the working directory.
func repoRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "deploy", "local", "peers")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, parent, dir, "no deploy/local/peers in the working directory or above")
		dir = parent
	}
}

func (p program) String() string { return fmt.Sprintf("%s@%s", p.pkg, p.version) }
