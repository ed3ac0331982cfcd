// Package local runs a real Kubernetes control plane without a cluster: etcd, kube-apiserver and, if wanted,
// kube-controller-manager and kube-scheduler, on loopback, for tests and for the demo. There are no nodes, so no pod ever
// runs, and nothing is meant to last: the data is written without fsync and the servers are killed, not asked to end.
//
// Build makes the one binary that all servers are. Start runs a Cluster that dies with the calling process. Up and Down
// run one that outlives it. A failure to start holds the last lines that the server itself logged.
//
// Build, Up and Down may be called concurrently, also by several processes. A Cluster's methods that start or end servers
// may not; all others may. Processes that are not ours are never touched (see killHolder).
//
// It needs a Unix: a pipe and a file lock tie the servers to whoever started them.
package local

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/packetboat/packetboat/deploy/local/kube"
)

// Options says what to start.
type Options struct {
	Binary string // made by Build
	Dir    string // everything that is written goes here; data that is there already is used

	EventTTL           time.Duration // 0: the API server's default, 1 hour
	CompactionInterval time.Duration // 0: the API server's default, 5 minutes
	Controllers        bool          // start kube-controller-manager and kube-scheduler too
	AuditLog           bool          // the API server writes a line about every request to Cluster.AuditLog
	TokenWebhook       string        // a kubeconfig file: the API server asks there about tokens that are no User's (TokenReview, v1)
}

// Cluster is a running control plane.
type Cluster struct {
	options   Options
	detached  bool
	etcdPort  int
	apiPort   int
	tokens    map[User]string
	client    *kube.Client
	processes map[Server]*process
}

// Start starts a control plane on free ports and returns when it is ready: the API server says so, and the namespaces
// default and kube-system exist. It dies with the calling process, even if that is killed.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	return start(ctx, options, false)
}

func start(ctx context.Context, options Options, detached bool) (*Cluster, error) {
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	options.Dir = dir
	c := &Cluster{options: options, detached: detached, processes: map[Server]*process{}}
	if c.etcdPort, err = freePort(); err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	if c.apiPort, err = freePort(); err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	if err := c.writeFiles(); err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	if c.client, err = kube.FromFile(c.Kubeconfig(Admin)); err != nil {
		return nil, fmt.Errorf("start cluster: %w", err)
	}
	for _, name := range c.servers() {
		if err := c.StartServer(ctx, name); err != nil {
			c.Stop()
			return nil, fmt.Errorf("start cluster: %w", err)
		}
	}
	return c, nil
}

// servers lists what belongs to the cluster, in the order of starting.
func (c *Cluster) servers() []Server {
	if c.options.Controllers {
		return []Server{Etcd, APIServer, ControllerManager, Scheduler}
	}
	return []Server{Etcd, APIServer}
}

// StartServer starts one server, on the port and the data it had, and returns when it is ready.
func (c *Cluster) StartServer(ctx context.Context, name Server) error {
	if c.processes[name] != nil {
		return fmt.Errorf("start %s: it runs already", name)
	}
	p, err := launch(c.options.Binary, c.options.Dir, name, c.arguments(name), c.detached)
	if err != nil {
		return err
	}
	c.processes[name] = p
	if err := c.waitReady(ctx, p); err != nil {
		c.KillServer(name)
		return err
	}
	return nil
}

// KillServer kills one server as a crash would, and returns when it is gone.
func (c *Cluster) KillServer(name Server) {
	if p := c.processes[name]; p != nil {
		p.kill()
		delete(c.processes, name)
	}
}

// Stop ends everything that was started. Stopping twice is fine.
func (c *Cluster) Stop() {
	for _, name := range []Server{Scheduler, ControllerManager, APIServer, Etcd} {
		c.KillServer(name)
	}
	c.client.Close()
}

// URL is the API server's address.
func (c *Cluster) URL() string { return "https://" + address(c.apiPort) }

// EtcdURL is etcd's address. etcd asks nobody who they are; it listens on loopback only.
func (c *Cluster) EtcdURL() string { return "http://" + address(c.etcdPort) }

// Client calls the API server as Admin.
func (c *Cluster) Client() *kube.Client { return c.client }

// AuditLog is the path of the file with one JSON line per answered request, if Options asked for it.
func (c *Cluster) AuditLog() string { return c.path("audit.log") }

// Logs returns the last lines of every server's log.
func (c *Cluster) Logs(lines int) map[Server]string {
	logs := map[Server]string{}
	for _, name := range c.servers() {
		logs[name] = tail(logFile(c.options.Dir, name), lines)
	}
	return logs
}

func (c *Cluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.options.Dir}, parts...)...)
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePort picks from below the range that systems hand out to outgoing connections: one of those, made between our
// look and the server's start, would else take the port now and then.
func freePort() (int, error) {
	var all error
	for range 50 {
		port := 20000 + rand.IntN(12000)
		listener, err := net.Listen("tcp", address(port)) //nolint:noctx // it returns at once
		if err == nil {
			return port, listener.Close()
		}
		all = errors.Join(all, err)
	}
	return 0, fmt.Errorf("find a free port: %w", all)
}

// writeFiles writes what the servers read at their start.
func (c *Cluster) writeFiles() error {
	if err := os.MkdirAll(c.options.Dir, 0o755); err != nil {
		return err
	}
	if err := writeKeys(c.path("pki")); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	if err := c.writeUsers(); err != nil {
		return fmt.Errorf("write users: %w", err)
	}
	const everything = `{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}`
	return os.WriteFile(c.path("audit-policy.json"), []byte(everything), 0o644)
}
