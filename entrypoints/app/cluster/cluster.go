// Package cluster makes the client for the cluster whose events are exported:
// the one around this process, one of a kubeconfig or of an address, or one that
// EKS or GKE find by its name.
//
// Making one connects to nothing. A cluster of a cloud is looked up by the first
// request, and again after an hour, or when nobody answers any more; its tokens
// are renewed before they expire, and once when they are refused.
//
// The client speaks protobuf and knows only the API types in use, and the
// metadata of all: a full clientset would register every type of Kubernetes. It
// does no throttling of its own, since API Priority and Fairness protects the
// server, and no retries: the callers have theirs. A Client may be used
// concurrently.
package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/secret"
)

// Config says which cluster. The zero Config is what client-go does by default:
// the cluster this process runs in, else the KUBECONFIG variable, else
// ~/.kube/config.
type Config struct {
	Kubeconfig     string        // path of a file
	KubeconfigData secret.String // what would be in it
	InCluster      bool
	EKS            *config.EKS
	GKE            *config.GKE
	Server         string // with CAData or the system's roots, and TokenFile
	CAData         []byte
	TokenFile      string

	QPS   float32 // 0: no throttling on this side
	Burst int

	UserAgent string
	Wrap      func(http.RoundTripper) http.RoundTripper
}

const protobuf = "application/vnd.kubernetes.protobuf"

// New makes a client for core/v1, and for metadata and discovery by absolute path.
func New(c Config) (*rest.RESTClient, error) {
	way, err := REST(c)
	if err != nil {
		return nil, err
	}
	return Client(way, c)
}

// Client is New with a way to the cluster that is made already: clients that
// share one share its connections, its token, and what it has found out.
func Client(way *rest.Config, c Config) (*rest.RESTClient, error) {
	config := rest.CopyConfig(way)
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(corev1.SchemeGroupVersion,
		&corev1.Event{}, &corev1.EventList{}, &corev1.ConfigMap{}, &corev1.Namespace{}, &corev1.Secret{})
	metav1.AddToGroupVersion(scheme, corev1.SchemeGroupVersion)
	metav1.AddToGroupVersion(scheme, metav1.SchemeGroupVersion)
	if err := metav1.AddMetaToScheme(scheme); err != nil { // metadata of objects of any kind
		return nil, fmt.Errorf("make a client for the cluster: %w", err)
	}

	version := corev1.SchemeGroupVersion
	config.GroupVersion, config.APIPath = &version, "/api"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.AcceptContentTypes, config.ContentType = protobuf, protobuf
	config.UserAgent = c.UserAgent
	config.QPS, config.Burst = -1, 0
	if c.QPS > 0 {
		config.QPS, config.Burst = c.QPS, c.Burst
	}
	// Near the API server, unpacking costs more than the bytes saved.
	config.DisableCompression = true
	if c.Wrap != nil {
		config.Wrap(c.Wrap)
	}
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the cluster: %w", err)
	}
	return client, nil
}

// REST is the way to the cluster, for a client of whatever API group. It reads
// the files that Config names and connects to nothing.
func REST(c Config) (*rest.Config, error) {
	config, err := load(c)
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	config.UserAgent = c.UserAgent
	return config, nil
}

func load(c Config) (*rest.Config, error) {
	switch {
	case c.Server != "":
		return server(c)
	case c.EKS != nil:
		cloud, err := newEKS(*c.EKS, time.Now)
		if err != nil {
			return nil, err
		}
		return fromOutside(cloud, time.Now), nil
	case c.GKE != nil:
		cloud, err := newGKE(*c.GKE)
		if err != nil {
			return nil, err
		}
		return fromOutside(cloud, time.Now), nil
	case c.InCluster:
		return rest.InClusterConfig()
	case !c.KubeconfigData.IsZero():
		config, err := clientcmd.RESTConfigFromKubeConfig([]byte(c.KubeconfigData.Reveal()))
		if err != nil {
			// The library's words may quote it.
			return nil, errors.New("the kubeconfig that is given as text is none, or names no cluster and user that are in it")
		}
		return config, nil
	case c.Kubeconfig != "":
		return clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	}
	config, err := rest.InClusterConfig()
	if err == nil || !errors.Is(err, rest.ErrNotInCluster) {
		return config, err
	}
	config, err = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, errors.New("no cluster named: use --kubeconfig FILE, KUBECONFIG, the cluster key of the configuration, or run inside a cluster")
	}
	return config, err
}

// Namespace is where this process runs, "" outside a cluster.
func Namespace() string {
	if ns := os.Getenv("POD_NAMESPACE"); ns != "" {
		return ns
	}
	b, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
