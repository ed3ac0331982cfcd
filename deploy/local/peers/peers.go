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
	"sync"
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
	return run(t, p.build(t), p.name+" "+p.version, ready, env, args)
}

// run is start for a program that is there already.
func run(t testing.TB, binary, name, ready string, env []string, args func(host, port string) []string) (addr string) {
	t.Helper()
	addr = freeAddr(t)
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)

	spawn(t, binary, name, env, args(host, port))
	require.Eventually(t, func() bool { return answers("http://" + addr + ready) }, time.Minute, 20*time.Millisecond,
		"%s does not answer", name)
	t.Logf("peer: %s, a process of its own", name)
	return addr
}

// spawn starts a program that ends with the test, or by kill, which waits for it.
func spawn(t testing.TB, binary, name string, env, args []string) (kill func()) {
	t.Helper()
	// The shell ends the server when its own standard input ends, and that ends with this process, however it ends.
	const guard = `"$@" & server=$!; read -r _; kill -9 "$server"; wait "$server"`
	//nolint:noctx // it ends with the test, not with a call
	cmd := exec.Command("sh", append([]string{"-c", guard, "sh", binary}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}, env...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill = sync.OnceFunc(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // the shell reports that its server was killed
	})
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			t.Logf("last words of %s:\n%s", name, log.Bytes()[max(0, log.Len()-4096):])
		}
	})
	return kill
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
