package app

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/state"
)

// marker says which event this checkpoint's runs write to know where they are,
// nil if none. It lies where the source looks and is named after the checkpoint,
// so that two exporters of one cluster have one each.
func (a *App) marker(store state.Store) *source.Marker {
	if a.Config.Source.Marker == config.MarkerOff {
		return nil
	}
	name := fmt.Sprint(store) // such as configmap:monitoring/packetboat
	sum := sha256.Sum256([]byte(name))
	m := &source.Marker{
		Namespace: a.markerNamespace(name),
		Name:      "packetboat." + hex.EncodeToString(sum[:5]),
		About:     corev1.ObjectReference{Kind: "Checkpoint", APIVersion: "packetboat.dev/v1", Name: name},
	}
	if namespace, object, ok := configMapOf(name); ok && namespace == m.Namespace {
		m.About = corev1.ObjectReference{Kind: "ConfigMap", APIVersion: "v1", Name: object}
	}
	return m
}

func (a *App) markerNamespace(checkpoint string) string {
	read := a.Config.Namespaces()
	if len(read) == 1 {
		return read[0]
	}
	if namespace, _, ok := configMapOf(checkpoint); ok {
		return namespace
	}
	return cmp.Or(a.namespace(), metav1.NamespaceDefault)
}

func configMapOf(checkpoint string) (namespace, name string, ok bool) {
	ref, ok := strings.CutPrefix(checkpoint, "configmap:")
	if !ok {
		return "", "", false
	}
	return strings.Cut(ref, "/")
}
