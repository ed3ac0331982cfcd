package peers

import "testing"

// Helm is the path of Helm 4 and of Helm 3, which write objects in two different
// ways; both "" without LIVE. They are built in some minutes, once.
func Helm(t testing.TB) (helm4, helm3 string) {
	t.Helper()
	if !Live() {
		t.Log("peer: Helm does not take part: LIVE is not set")
		return "", ""
	}
	return program{name: "helm", pkg: "helm.sh/helm/v4/cmd/helm", version: "v4.3.1"}.build(t),
		program{name: "helm", pkg: "helm.sh/helm/v3/cmd/helm", version: "v3.22.0"}.build(t)
}

// Kubeconform is the path of a program that holds manifests against JSON
// schemas; "" without LIVE.
func Kubeconform(t testing.TB) string {
	t.Helper()
	if !Live() {
		t.Log("peer: kubeconform does not take part: LIVE is not set")
		return ""
	}
	return program{name: "kubeconform", pkg: "github.com/yannh/kubeconform/cmd/kubeconform", version: "v0.8.0"}.build(t)
}
