package kustomize_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/kube"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/entrypoints/app"
)

const (
	namespace = "monitoring" // of the manifests
	account   = "packetboat" // their ServiceAccount
)

// world is a control plane in which the manifests may be applied.
type world struct{ *local.Cluster }

// newWorld has the namespace of the manifests, in which pods must keep to the
// strictest of the Pod Security Standards.
func newWorld(t *testing.T, o local.Options) world {
	t.Helper()
	w := world{localtest.Start(t, o)}
	w.apply(t, object{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
		"name": namespace, "labels": map[string]any{"pod-security.kubernetes.io/enforce": "restricted"},
	}})
	return w
}

// object is one of Kubernetes, as YAML has it.
type object map[string]any

func (o object) kind() string { return o["kind"].(string) }

func (o object) metadata(key string) string {
	text, _ := o["metadata"].(map[string]any)[key].(string)
	return text
}

func (o object) String() string {
	return o.kind() + " " + o.metadata("namespace") + "/" + o.metadata("name")
}

// path is where the object is in the API.
func (o object) path() string {
	version, _ := schema.ParseGroupVersion(o["apiVersion"].(string))
	plural, _ := meta.UnsafeGuessKindToResource(version.WithKind(o.kind()))
	path := "/apis/" + version.String()
	if version.Group == "" {
		path = "/api/" + version.Version
	}
	if o.metadata("namespace") != "" {
		path += "/namespaces/" + o.metadata("namespace")
	}
	return path + "/" + plural.Resource + "/" + o.metadata("name")
}

// into decodes an object into a struct of the API.
func (o object) into(t *testing.T, out any) {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, out), o)
}

func (w world) apply(t *testing.T, objects ...object) {
	t.Helper()
	for _, o := range objects {
		require.NoError(t, w.Client().Apply(t.Context(), o.path(), o), o)
	}
}

// get decodes what is at a path, as the admin sees it.
func (w world) get(t *testing.T, path string, out any) {
	t.Helper()
	require.NoError(t, w.Client().Get(t.Context(), path, out))
}

func (w world) patch(t *testing.T, path string, change any) {
	t.Helper()
	body, err := json.Marshal(change)
	require.NoError(t, err)
	_, err = w.Client().Do(t.Context(), http.MethodPatch, path, kube.MergePatch, body)
	require.NoError(t, err)
}

// remove deletes what is there.
func (w world) remove(t *testing.T, path string) {
	t.Helper()
	_, err := w.Client().Do(t.Context(), http.MethodDelete, path, kube.JSON, nil)
	if !kube.Is(err, http.StatusNotFound) {
		require.NoError(t, err)
	}
}

// as is a kubeconfig file of a ServiceAccount in the manifests' namespace.
func (w world) as(t *testing.T, name string) string {
	t.Helper()
	kubeconfig, err := w.ServiceAccount(t.Context(), namespace, name)
	require.NoError(t, err)
	return kubeconfig
}

// render is what kubectl kustomize prints.
func render(t *testing.T, dir string) []object {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	require.NoError(t, err)
	text, err := rendered.AsYaml()
	require.NoError(t, err)
	return decode(t, text)
}

func decode(t *testing.T, text []byte) []object {
	t.Helper()
	var objects []object
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o map[string]any
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return objects
		}
		require.NoError(t, err)
		objects = append(objects, o)
	}
}

// find is the one object of a kind.
func find(t *testing.T, objects []object, kind string) object {
	t.Helper()
	for _, o := range objects {
		if o.kind() == kind {
			return o
		}
	}
	require.Fail(t, "there is no "+kind)
	return nil
}

// generate is what packetboat rbac prints for a configuration.
func generate(t *testing.T, config, mode string) []object {
	t.Helper()
	return generateWith(t, config, app.RBACOptions{Mode: mode})
}

func generateWith(t *testing.T, config string, options app.RBACOptions) []object {
	t.Helper()
	options.ServiceAccount, options.CreateServiceAccount = account, true
	text, _, err := app.RBAC(t.Context(), app.Options{ConfigFile: config, Namespace: namespace, Strict: true}, options)
	require.NoError(t, err)
	return decode(t, text)
}

// configured writes a configuration of the manifests with other receivers.
func configured(t *testing.T, file, receiver string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), "    stdout: {}\n")
	return strings.ReplaceAll(string(text), "    stdout: {}\n", "    "+receiver+"\n")
}
