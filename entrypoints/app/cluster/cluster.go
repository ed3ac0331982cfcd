// Package cluster makes the client for the cluster whose events are exported.
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

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Config says which cluster. The zero Config is what client-go does by default:
// the cluster this process runs in, else the KUBECONFIG variable, else
// ~/.kube/config.
type Config struct {
	Kubeconfig string
	InCluster  bool
	Server     string // with CAData or the system's roots, and TokenFile
	CAData     []byte
	TokenFile  string

	QPS   float32 // 0: no throttling on this side
	Burst int

	UserAgent string
	Wrap      func(http.RoundTripper) http.RoundTripper
}

const protobuf = "application/vnd.kubernetes.protobuf"

// New makes a client for core/v1, and for metadata and discovery by absolute path.
func New(c Config) (*rest.RESTClient, error) {
	config, err := load(c)
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(corev1.SchemeGroupVersion,
		&corev1.Event{}, &corev1.EventList{}, &corev1.ConfigMap{}, &corev1.Namespace{})
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

// REST is the configuration for a client of another API group: how to reach the
// cluster, and as whom.
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
		return &rest.Config{
			Host: c.Server, BearerTokenFile: c.TokenFile,
			TLSClientConfig: rest.TLSClientConfig{CAData: c.CAData},
		}, nil
	case c.InCluster:
		return rest.InClusterConfig()
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
