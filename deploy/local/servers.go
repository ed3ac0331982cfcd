package local

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/packetboat/packetboat/deploy/local/kube"
)

// Server is one server of the control plane, named as its program is.
type Server string

// The servers, in the order in which they start.
const (
	Etcd              Server = "etcd"
	APIServer         Server = "kube-apiserver"
	ControllerManager Server = "kube-controller-manager"
	Scheduler         Server = "kube-scheduler"
)

// etcd's one member never calls itself, so this address is a name in its data, not a port in use.
const etcdPeer = "http://127.0.0.1:2380"

// Without a node only these controllers have something to do.
const controllers = "deployment-controller,replicaset-controller,job-controller,cronjob-controller," +
	"serviceaccount-controller,namespace-controller,garbage-collector-controller"

// arguments is the command line of a server.
func (c *Cluster) arguments(name Server) []string {
	switch name {
	case Etcd:
		return []string{
			"--name=default", "--data-dir=" + c.path("etcd"), "--log-level=warn", "--unsafe-no-fsync",
			"--quota-backend-bytes=8589934592",
			"--listen-client-urls=" + c.EtcdURL(), "--advertise-client-urls=" + c.EtcdURL(),
			"--listen-peer-urls=http://127.0.0.1:0", "--initial-advertise-peer-urls=" + etcdPeer, "--initial-cluster=default=" + etcdPeer,
		}
	case APIServer:
		return c.apiServerArguments()
	case ControllerManager:
		return []string{
			"--kubeconfig=" + c.Kubeconfig(Admin), "--leader-elect=false", "--secure-port=0", "--use-service-account-credentials=false",
			"--service-account-private-key-file=" + c.path("pki", "service-account.key"), "--controllers=" + controllers,
		}
	default:
		return []string{"--kubeconfig=" + c.Kubeconfig(Admin), "--leader-elect=false", "--secure-port=0"}
	}
}

func (c *Cluster) apiServerArguments() []string {
	args := []string{
		"--etcd-servers=" + c.EtcdURL(),
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", c.apiPort),
		// Nobody uses the address that is advertised, but without one a machine without a network cannot start.
		"--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24",
		"--tls-cert-file=" + c.path("pki", "server.crt"), "--tls-private-key-file=" + c.path("pki", "server.key"),
		"--token-auth-file=" + c.path("tokens.csv"), "--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.path("pki", "service-account.key"),
		"--service-account-signing-key-file=" + c.path("pki", "service-account.key"),
		// Pods are created without a wait for their service account's token.
		"--disable-admission-plugins=ServiceAccount",
	}
	if c.options.EventTTL > 0 {
		args = append(args, "--event-ttl="+c.options.EventTTL.String())
	}
	if c.options.CompactionInterval > 0 {
		args = append(args, "--etcd-compaction-interval="+c.options.CompactionInterval.String())
	}
	if c.options.TokenWebhook != "" {
		args = append(args, "--authentication-token-webhook-config-file="+c.options.TokenWebhook, "--authentication-token-webhook-version=v1")
	}
	if c.options.AuditLog {
		args = append(args, "--audit-policy-file="+c.path("audit-policy.json"), "--audit-log-path="+c.AuditLog())
	}
	return args
}

// waitReady returns when the server does its work, or has ended. The controllers do not tell; nothing waits for them.
func (c *Cluster) waitReady(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ready := func(context.Context) error { return nil }
	switch p.name {
	case Etcd:
		ready = c.etcdReady
	case APIServer:
		ready = func(ctx context.Context) error { return apiReady(ctx, c.client) }
	}
	for {
		notYet := ready(ctx)
		if err := p.ended(); err != nil {
			return err
		}
		if notYet == nil {
			return nil
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("%s is not ready (%w): %w; its last lines:\n%s", p.name, err, notYet, tail(p.log, 20))
		}
	}
}

func (c *Cluster) etcdReady(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.EtcdURL()+"/health", nil)
	if err != nil {
		return err
	}
	request.Close = true
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s", response.Status)
	}
	return nil
}

// apiReady asks for the namespaces too: the API server is ready a moment before it has made them.
func apiReady(ctx context.Context, client *kube.Client) error {
	for _, path := range []string{"/readyz", "/api/v1/namespaces/default", "/api/v1/namespaces/kube-system"} {
		if _, err := client.Do(ctx, http.MethodGet, path, kube.JSON, nil); err != nil {
			return err
		}
	}
	return nil
}
