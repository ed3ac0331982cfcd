package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

// maxBytes bounds a secret: what a Kubernetes Secret can hold, and more than any
// of the others.
const maxBytes = 1 << 20

func placeOf(r config.Reference) place {
	return place{
		scheme: r.Secret.Scheme, name: r.Secret.Name,
		home: r.Secret.Scheme == secret.KubernetesKey && isWayToCluster(r.Key),
	}
}

// isWayToCluster is true below cluster, and below that of one of several.
func isWayToCluster(key string) bool {
	if list, below, ok := strings.Cut(key, "]."); ok && strings.HasPrefix(list, "clusters[") {
		key = below
	}
	return strings.HasPrefix(key, "cluster.")
}

func readFile(path string) (document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(content) > maxBytes:
		return nil, fetch.Wrongf("is larger than %d bytes", maxBytes)
	}
	return text(line(content)), nil
}

// unreadable leaves the path out, which the reference has said.
func unreadable(err error) error {
	if reason := (*fs.PathError)(nil); errors.As(err, &reason) {
		return fetch.Wrongf("%v", reason.Err)
	}
	return err
}

func readKubernetes(ctx context.Context, at place, kube func(bool) (rest.Interface, error)) (document, error) {
	client, err := kube(at.home)
	if err != nil {
		return nil, fetch.Wrongf("%v", err)
	}
	namespace, name, _ := strings.Cut(at.name, "/")
	var found corev1.Secret
	err = client.Get().Namespace(namespace).Resource("secrets").Name(name).Do(ctx).Into(&found)
	if err != nil {
		return nil, fetch.Kube(ctx, fmt.Sprintf("get on secrets/%s in namespace %s", name, namespace), err)
	}
	return keys(found.Data), nil
}

// clouds are the places that need an SDK, or credentials of a cloud.
type clouds struct {
	amazon
	google
}
