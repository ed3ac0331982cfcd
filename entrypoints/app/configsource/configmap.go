package configsource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

// defaultKey is the key of a ConfigMap that names none.
const defaultKey = "config.yaml"

func configMap(ref string, kube Kube) (reader, error) {
	place, key, hasKey := strings.Cut(ref, "#")
	namespace, name, ok := strings.Cut(place, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") || hasKey && key == "" {
		return nil, errors.New("want configmap:NAMESPACE/NAME, and #KEY after it if it is not " + defaultKey)
	}
	if !hasKey {
		key = defaultKey
	}
	return func(ctx context.Context, _ string) (content, error) {
		client, end, err := kube()
		if err != nil {
			return content{}, fetch.Wrongf("%v", err)
		}
		defer end()
		var found corev1.ConfigMap
		if err := client.Get().Namespace(namespace).Resource("configmaps").Name(name).Do(ctx).Into(&found); err != nil {
			return content{}, fetch.Kube(ctx, fmt.Sprintf("get on configmaps/%s in namespace %s", name, namespace), err)
		}
		if text, ok := found.Data[key]; ok {
			return content{data: []byte(text)}, nil
		}
		if data, ok := found.BinaryData[key]; ok {
			return content{data: data}, nil
		}
		return content{}, fetch.Wrongf("has no key %q, it has: %s", key, strings.Join(slices.Sorted(maps.Keys(found.Data)), ", "))
	}, nil
}
