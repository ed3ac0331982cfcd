package local

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

const kubernetesVersion = "v1.37.2" // go.mod of controlplane has the same

// StateDir is where everything that Build and Up write is, ignored by git.
const StateDir = ".local"

// RepoRoot finds the repository around the working directory.
func RepoRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "deploy", "local", "controlplane", "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the repository: no deploy/local/controlplane here or above")
		}
		dir = parent
	}
}

// Build returns the path of the servers' binary, which it builds first if there is none or its source has changed. It
// tells out what it does and how far it is; when there is nothing to do it is silent.
func Build(ctx context.Context, repoRoot string, out io.Writer) (string, error) {
	source := filepath.Join(repoRoot, "deploy", "local", "controlplane")
	binary := filepath.Join(repoRoot, StateDir, "bin", "controlplane")
	lock, err := waitLock(ctx, filepath.Join(repoRoot, StateDir, "build.lock"), func() {
		fmt.Fprintln(out, "control plane: another process is building it, waiting")
	})
	if err != nil {
		return "", fmt.Errorf("build control plane: %w", err)
	}
	defer lock.Close()

	key, err := sourceKey(ctx, source)
	if err != nil {
		return "", fmt.Errorf("build control plane: %w", err)
	}
	if upToDate(binary, key) {
		return binary, nil
	}
	if err := compile(ctx, source, binary+".new", out); err != nil {
		return "", fmt.Errorf("build control plane: %w", err)
	}
	if err := install(binary, key); err != nil {
		return "", fmt.Errorf("build control plane: %w", err)
	}
	return binary, nil
}

// sourceKey changes when the binary would.
func sourceKey(ctx context.Context, source string) (string, error) {
	version, err := goCommand(ctx, source, "env", "GOVERSION", "GOOS", "GOARCH").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%s%s", version, kubernetesVersion)
	for _, pattern := range []string{"*.go", "go.mod", "go.sum"} {
		files, err := filepath.Glob(filepath.Join(source, pattern))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(file), len(text), text)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func keyFile(binary string) string { return binary + ".source" }

func upToDate(binary, key string) bool {
	built, err := os.ReadFile(keyFile(binary))
	if err != nil || string(built) != key {
		return false
	}
	_, err = os.Stat(binary)
	return err == nil
}

// install puts the new binary in place. If we crash anywhere in here there is no key, and the next Build builds again.
func install(binary, key string) error {
	if err := os.Remove(keyFile(binary)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(binary+".new", binary); err != nil {
		return err
	}
	return os.WriteFile(keyFile(binary), []byte(key), 0o644)
}

// compile builds the binary and says every few seconds how far it is.
func compile(ctx context.Context, source, binary string, out io.Writer) error {
	fmt.Fprintf(out, "control plane: building etcd and Kubernetes %s from source, once: about 8 minutes on two cores, seconds if Go has it cached\n"+
		"control plane: downloading its modules\n", kubernetesVersion)
	start := time.Now()
	var stderr bytes.Buffer
	list := goCommand(ctx, source, "list", "-deps", ".")
	list.Stderr = &stderr
	packages, err := list.Output() // Downloads the modules.
	if err != nil {
		return fmt.Errorf("download modules: %w\n%s", err, lastLines(stderr.Bytes(), 20))
	}
	total := bytes.Count(packages, []byte("\n"))
	fmt.Fprintf(out, "control plane: modules are here after %s; compiling %d packages\n", time.Since(start).Round(time.Second), total)

	build := goCommand(ctx, source, "build", "-v", "-buildvcs=false",
		"-ldflags=-s -w -X k8s.io/component-base/version.gitVersion="+kubernetesVersion, "-o", binary, ".")
	pipe, err := build.StderrPipe()
	if err != nil {
		return err
	}
	if err := build.Start(); err != nil {
		return err
	}
	messages := follow(pipe, func(compiled int) {
		fmt.Fprintf(out, "control plane: %s: compiled %d of at most %d packages\n", time.Since(start).Round(time.Second), compiled, total)
	})
	if err := build.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("go build: %w\n%s", err, messages)
	}
	fmt.Fprintf(out, "control plane: built in %s\n", time.Since(start).Round(time.Second))
	return nil
}

// follow counts the packages that "go build -v" names, one a line, and reports the count every 15 seconds until the
// build closes its output. It returns the last lines, which after a failure hold the errors.
func follow(output io.Reader, report func(compiled int)) string {
	var compiled atomic.Int64
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(15 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				report(int(compiled.Load()))
			}
		}
	}()
	var last []string
	for lines := bufio.NewScanner(output); lines.Scan(); compiled.Add(1) {
		last = append(last[max(0, len(last)-19):], lines.Text())
	}
	close(done)
	<-stopped
	return strings.Join(last, "\n")
}

// goCommand leaves out what the caller's own build is set to: flags and a workspace are for the main module.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	// Without cgo the build needs no C compiler.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS=", "GOARCH=")
	// The compilers that go itself started outlive it for a moment and hold its output open.
	cmd.WaitDelay = 5 * time.Second
	return cmd
}
