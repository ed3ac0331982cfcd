package coldstart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Start is what it takes from exec to the first request.
type Start struct{ Clock, CPU time.Duration }

const config = `checkpoint: {file: {path: checkpoint.json}}
route: {routes: [{match: [{receiver: out}]}]}
receivers: [{name: out, stdout: {}}]
`

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://%s"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
`

// FirstRequest runs a program, which is the command or a Lambda function, until
// it sends the first byte to the Kubernetes API, and kills it. A function is
// given its first invocation as soon as it asks for one.
func FirstRequest(ctx context.Context, program string) (s Start, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("measure the first request: %w", err)
		}
	}()
	dir, err := os.MkdirTemp("", "coldstart-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	api, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return s, err
	}
	defer api.Close()
	platform, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return s, err
	}
	server := http.Server{Handler: http.HandlerFunc(invoke), ReadHeaderTimeout: time.Minute}
	defer server.Close()
	go func() { _ = server.Serve(platform) }()

	files := map[string]string{"config.yaml": config, "kubeconfig": fmt.Sprintf(kubeconfig, api.Addr())}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return s, err
		}
	}
	cmd := exec.CommandContext(ctx, program, "run", "--config", "config.yaml", "--kubeconfig", "kubeconfig")
	cmd.Dir = dir
	cmd.Env = []string{
		"HOME=" + dir, "AWS_LAMBDA_RUNTIME_API=" + platform.Addr().String(), "_HANDLER=bootstrap", "LAMBDA_TASK_ROOT=" + dir,
		"PACKETBOAT_CONFIG_FILE=config.yaml", "PACKETBOAT_KUBECONFIG=kubeconfig",
	}
	return first(cmd, api)
}

// first waits for the first byte that a program sends.
func first(cmd *exec.Cmd, api net.Listener) (Start, error) {
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return Start{}, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()  // it is killed, or has said why
		_ = api.Close() // a program that ends sends nothing
	}()
	defer func() {
		_ = cmd.Process.Kill()
		<-ended
	}()
	connection, err := api.Accept()
	if err != nil {
		return Start{}, errors.New("the program has ended without one")
	}
	defer connection.Close()
	if _, err := io.ReadFull(connection, make([]byte, 1)); err != nil {
		return Start{}, err
	}
	clock := time.Since(began)
	cpu, err := used(cmd.Process.Pid)
	return Start{clock, cpu}, err
}

// used is the time on a processor of all threads that are alive, which Linux
// counts in nanoseconds; that of a process it counts in hundredths of a second.
func used(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended
		}
		ns, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(ns, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// invoke is as much of Lambda's Runtime API as one invocation needs.
func invoke(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		return
	}
	w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
	w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
	_, _ = io.WriteString(w, "{}")
}
