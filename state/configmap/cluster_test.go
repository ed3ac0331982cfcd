package configmap_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/configmap"
)

const (
	plain    = runtime.ContentTypeJSON
	protobuf = runtime.ContentTypeProtobuf
)

// adminConfig may do everything in the cluster.
func adminConfig(t *testing.T, cluster *local.Cluster) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig(local.Admin))
	require.NoError(t, err)
	return config
}

// connect gives a client for core/v1 that knows the types in use, as the program's own does.
func connect(t *testing.T, config *rest.Config, contentType string, wrap func(http.RoundTripper) http.RoundTripper) rest.Interface {
	t.Helper()
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.ConfigMap{})
	metav1.AddToGroupVersion(scheme, corev1.SchemeGroupVersion)
	config = rest.CopyConfig(config)
	config.APIPath = "/api"
	config.GroupVersion = &corev1.SchemeGroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.ContentType = contentType
	config.AcceptContentTypes = contentType
	config.QPS = -1
	if wrap != nil {
		config.Wrap(wrap)
	}
	client, err := rest.RESTClientFor(config)
	require.NoError(t, err)
	return client
}

func open(t *testing.T, client rest.Interface, namespace, name string) state.Store {
	t.Helper()
	env := state.Env{Kube: func() (rest.Interface, error) { return client, nil }}
	store, err := configmap.Kind.Open(t.Context(), &configmap.Config{Namespace: namespace, Name: name}, env)
	require.NoError(t, err)
	return store
}

// getConfigMap is nil if there is none.
func getConfigMap(t *testing.T, admin rest.Interface, namespace, name string) *corev1.ConfigMap {
	t.Helper()
	var cm corev1.ConfigMap
	err := admin.Get().Namespace(namespace).Resource("configmaps").Name(name).Do(t.Context()).Into(&cm)
	if apierrors.IsNotFound(err) {
		return nil
	}
	require.NoError(t, err)
	return &cm
}

func createConfigMap(t *testing.T, admin rest.Interface, cm *corev1.ConfigMap) {
	t.Helper()
	require.NoError(t, admin.Post().Namespace(cm.Namespace).Resource("configmaps").Body(cm).Do(t.Context()).Error())
}

func updateConfigMap(t *testing.T, admin rest.Interface, cm *corev1.ConfigMap) {
	t.Helper()
	require.NoError(t, admin.Put().Namespace(cm.Namespace).Resource("configmaps").Name(cm.Name).Body(cm).Do(t.Context()).Error())
}

func deleteConfigMap(t *testing.T, admin rest.Interface, namespace, name string) {
	t.Helper()
	require.NoError(t, admin.Delete().Namespace(namespace).Resource("configmaps").Name(name).Do(t.Context()).Error())
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

var errLineDead = errors.New("the line is dead")

// loseReplies lets every write arrive and be answered, and keeps the answer.
func loseReplies(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err != nil || request.Method == http.MethodGet {
			return response, err
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		return nil, errLineDead
	})
}
