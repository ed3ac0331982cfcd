package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/packetboat/packetboat/deploy/local/kube"
)

// settings is what of the Options makes one running cluster different from another, as kept beside it.
type settings struct {
	EventTTL           time.Duration
	CompactionInterval time.Duration
	Controllers        bool
	AuditLog           bool
}

// Up starts a new, empty cluster that outlives this process, with everything it writes in the repository's StateDir,
// and returns the path of the admin's kubeconfig. If one is running and healthy it says so and changes nothing; what is
// left of one that is not healthy is cleared away first. Binary and Dir of the options are not used.
func Up(ctx context.Context, repoRoot string, options Options, out io.Writer) (string, error) {
	lock, err := lockState(ctx, repoRoot, out)
	if err != nil {
		return "", fmt.Errorf("local up: %w", err)
	}
	defer lock.Close()

	kubeconfig := kubeconfigFile(repoRoot)
	dir := clusterDir(repoRoot)
	wanted := settings{options.EventTTL, options.CompactionInterval, options.Controllers, options.AuditLog}
	if running, err := healthy(ctx, repoRoot); err == nil {
		fmt.Fprintf(out, "local cluster: running already, kubeconfig: %s\n", kubeconfig)
		if running != wanted {
			fmt.Fprintf(out, "local cluster: it was started with other settings (%s); to change them stop it first\n", running)
		}
		return kubeconfig, nil
	}
	if options.Binary, err = Build(ctx, repoRoot, out); err != nil {
		return "", fmt.Errorf("local up: %w", err)
	}
	if _, err := clearAway(ctx, repoRoot); err != nil {
		return "", fmt.Errorf("local up: %w", err)
	}
	fmt.Fprintf(out, "local cluster: starting etcd and Kubernetes %s (%s); logs: %s\n", kubernetesVersion, wanted, filepath.Join(dir, "*.log"))
	options.Dir = dir
	began := time.Now()
	cluster, err := start(ctx, options, true)
	if err != nil {
		return "", fmt.Errorf("local up: %w", err)
	}
	// If we crash before these are written, servers run that are not healthy by our measure: the next Up or Down ends them.
	if err := publish(cluster, wanted, kubeconfig); err != nil {
		cluster.Stop()
		return "", fmt.Errorf("local up: %w", err)
	}
	fmt.Fprintf(out, "local cluster: ready after %s, kubeconfig: %s\n", time.Since(began).Round(100*time.Millisecond), kubeconfig)
	return kubeconfig, nil
}

// Down ends what Up started and removes all that it wrote. It is fine if nothing runs.
func Down(ctx context.Context, repoRoot string, out io.Writer) error {
	lock, err := lockState(ctx, repoRoot, out)
	if err != nil {
		return fmt.Errorf("local down: %w", err)
	}
	defer lock.Close()
	ended, err := clearAway(ctx, repoRoot)
	if err != nil {
		return fmt.Errorf("local down: %w", err)
	}
	if ended == 0 {
		fmt.Fprintln(out, "local cluster: nothing was running")
		return nil
	}
	fmt.Fprintf(out, "local cluster: stopped %d servers\n", ended)
	return nil
}

func clusterDir(repoRoot string) string     { return filepath.Join(repoRoot, StateDir, "cluster") }
func kubeconfigFile(repoRoot string) string { return filepath.Join(repoRoot, StateDir, "kubeconfig") }

func lockState(ctx context.Context, repoRoot string, out io.Writer) (*os.File, error) {
	return waitLock(ctx, filepath.Join(repoRoot, StateDir, "cluster.lock"), func() {
		fmt.Fprintln(out, "local cluster: another process is starting or stopping it, waiting")
	})
}

// clearAway ends the servers that run, returns how many, and removes their files. The files go last: without them
// nobody could find a server that still runs.
func clearAway(ctx context.Context, repoRoot string) (int, error) {
	ended := 0
	for _, name := range []Server{Scheduler, ControllerManager, APIServer, Etcd} {
		pid := pidFile(clusterDir(repoRoot), name)
		alive, err := held(pid)
		if err != nil {
			return ended, err
		}
		if !alive {
			continue
		}
		if err := killHolder(ctx, pid); err != nil {
			return ended, err
		}
		ended++
	}
	if err := os.Remove(kubeconfigFile(repoRoot)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return ended, err
	}
	return ended, os.RemoveAll(clusterDir(repoRoot))
}

// healthy returns the settings of the running cluster, or why it does not count as one.
func healthy(ctx context.Context, repoRoot string) (settings, error) {
	var running settings
	text, err := os.ReadFile(filepath.Join(clusterDir(repoRoot), "settings.json"))
	if err != nil {
		return running, err
	}
	if err := json.Unmarshal(text, &running); err != nil {
		return running, err
	}
	servers := []Server{Etcd, APIServer}
	if running.Controllers {
		servers = append(servers, ControllerManager, Scheduler)
	}
	for _, name := range servers {
		alive, err := held(pidFile(clusterDir(repoRoot), name))
		if err != nil {
			return running, err
		}
		if !alive {
			return running, fmt.Errorf("%s is not running", name)
		}
	}
	client, err := kube.FromFile(kubeconfigFile(repoRoot))
	if err != nil {
		return running, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return running, apiReady(ctx, client)
}

// publish writes what later calls and people look for once the cluster is ready.
func publish(c *Cluster, s settings, kubeconfig string) error {
	config, err := os.ReadFile(c.Kubeconfig(Admin))
	if err != nil {
		return err
	}
	if err := os.WriteFile(kubeconfig, config, 0o600); err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(c.path("settings.json"), text, 0o644)
}

func (s settings) String() string {
	ttl, compaction := "1h by default", "5m by default"
	if s.EventTTL > 0 {
		ttl = s.EventTTL.String()
	}
	if s.CompactionInterval > 0 {
		compaction = s.CompactionInterval.String()
	}
	return fmt.Sprintf("event TTL %s, compaction interval %s", ttl, compaction)
}
