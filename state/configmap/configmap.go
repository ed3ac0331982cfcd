// Package configmap keeps the checkpoint in a ConfigMap of the cluster, under
// the data key checkpoint.json.
//
// A commit is one request: a create that fails if the ConfigMap exists, or a
// merge patch that carries the resourceVersion of what was loaded, which the API
// server refuses with 409 if it has changed. So everything else in the ConfigMap,
// other data, labels, annotations, stays as it is. A ConfigMap without the data
// key, made beforehand by whoever installs the program, is a first run.
//
// Every call makes one attempt and never retries, and client-go's own retries
// are off. A store may be used concurrently.
package configmap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/state"
)

const (
	dataKey  = "checkpoint.json"
	resource = "configmaps"

	// The API server takes 1 MiB of data and binaryData together. The last
	// 16 KiB are left to what else somebody keeps in the ConfigMap.
	maxBytes = 1<<20 - 16<<10

	// An etcd behind a busy API server should not get more than a few writes a second from us.
	interval = 200 * time.Millisecond
)

// Config says which ConfigMap.
type Config struct {
	// Namespace is by default the one that this process runs in, else default.
	Namespace string `yaml:"namespace"`
	// Name of the ConfigMap.
	Name string `yaml:"name"`
}

// Kind is the store configMap; on the command line configMap:NAMESPACE/NAME or
// configMap:NAME.
var Kind = state.NewKind("configMap",
	func() Config { return Config{} },
	fromRef,
	func(c Config, suffix string) Config {
		c.Name += suffix
		return c
	},
	func(_ context.Context, config Config, env state.Env) (state.Store, error) {
		config = config.in(env.Namespace)
		if err := config.check(); err != nil {
			return nil, fmt.Errorf("open configMap: %w", err)
		}
		return &store{config: config, connect: env.Kube}, nil
	})

func fromRef(ref string) (Config, error) {
	namespace, name, found := strings.Cut(ref, "/")
	if !found {
		return Config{Name: ref}, Config{Name: ref}.in("").check()
	}
	c := Config{Namespace: namespace, Name: name}
	return c, c.check()
}

// in fills in the namespace.
func (c Config) in(own string) Config {
	if c.Namespace == "" {
		c.Namespace = own
	}
	if c.Namespace == "" {
		c.Namespace = metav1.NamespaceDefault
	}
	return c
}

func (c Config) check() error {
	if c.Name == "" {
		return errors.New("name is missing")
	}
	if problems := validation.IsDNS1123Subdomain(c.Name); len(problems) > 0 {
		return fmt.Errorf("name %q: %s", c.Name, problems[0])
	}
	if problems := validation.IsDNS1123Label(c.Namespace); len(problems) > 0 {
		return fmt.Errorf("namespace %q: %s", c.Namespace, problems[0])
	}
	return nil
}

type store struct {
	config  Config
	connect func() (rest.Interface, error)

	mu   sync.Mutex // guards kube
	kube rest.Interface
}

// String names the store as the command line does.
func (s *store) String() string { return "configmap:" + s.config.Namespace + "/" + s.config.Name }

var _ state.Store = (*store)(nil)

// client connects at the first use, since opening does no I/O. A failure is not
// kept: the next call tries again.
func (s *store) client() (rest.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kube != nil {
		return s.kube, nil
	}
	if s.connect == nil {
		return nil, errors.New("there is no cluster to connect to")
	}
	kube, err := s.connect()
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	s.kube = kube
	return kube, nil
}

// Limits implements state.Store.
func (s *store) Limits() state.Limits { return state.Limits{Bytes: maxBytes, Interval: interval} }

// Load implements state.Store.
func (s *store) Load(ctx context.Context) (state.Checkpoint, state.Token, error) {
	c, token, err := s.load(ctx)
	if err != nil {
		return state.Checkpoint{}, token, fmt.Errorf("load checkpoint from ConfigMap %s/%s: %w",
			s.config.Namespace, s.config.Name, err)
	}
	return c, token, nil
}

func (s *store) load(ctx context.Context) (state.Checkpoint, state.Token, error) {
	kube, err := s.client()
	if err != nil {
		return state.Checkpoint{}, "", err
	}
	var cm corev1.ConfigMap
	err = kube.Get().MaxRetries(0).
		Namespace(s.config.Namespace).Resource(resource).Name(s.config.Name).
		Do(ctx).Into(&cm)
	if isNotFound(err) {
		return state.Checkpoint{}, "", state.ErrNotFound
	}
	if err != nil {
		return state.Checkpoint{}, "", s.explain("get", err)
	}
	token := state.Token(cm.ResourceVersion)
	raw, found := cm.Data[dataKey]
	if _, binary := cm.BinaryData[dataKey]; binary {
		return state.Checkpoint{}, token, fmt.Errorf("%w: %s is in binaryData, want it in data", state.ErrUnreadable, dataKey)
	}
	if !found {
		return state.Checkpoint{}, token, state.ErrNotFound
	}
	c, err := state.Decode([]byte(raw))
	return c, token, err
}

// Commit implements state.Store.
func (s *store) Commit(ctx context.Context, next state.Checkpoint, old state.Token) (state.Token, error) {
	token, err := s.commit(ctx, next, old)
	if err != nil {
		return "", fmt.Errorf("commit checkpoint to ConfigMap %s/%s: %w", s.config.Namespace, s.config.Name, err)
	}
	return token, nil
}

func (s *store) commit(ctx context.Context, next state.Checkpoint, old state.Token) (state.Token, error) {
	raw, err := state.Encode(next)
	if err != nil {
		return "", err
	}
	if len(raw) > maxBytes {
		return "", fmt.Errorf("the checkpoint has %d bytes, a ConfigMap takes %d: use another store", len(raw), maxBytes)
	}
	kube, err := s.client()
	if err != nil {
		return "", err
	}
	if old == "" {
		return s.create(ctx, kube, string(raw))
	}
	token, err := s.patch(ctx, kube, string(raw), old)
	if err == nil && token == old {
		// The API server writes nothing where nothing changes.
		return "", fmt.Errorf("nothing has changed, not even the revision %d, which every commit raises", next.Revision)
	}
	return token, err
}

func (s *store) create(ctx context.Context, kube rest.Interface, raw string) (state.Token, error) {
	cm := corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.config.Namespace, Name: s.config.Name},
		Data:       map[string]string{dataKey: raw},
	}
	err := kube.Post().MaxRetries(0).
		Namespace(s.config.Namespace).Resource(resource).
		Body(&cm).Do(ctx).Into(&cm)
	if apierrors.IsAlreadyExists(err) {
		return "", state.ErrConflict
	}
	if err != nil {
		return "", s.explain("create", err)
	}
	return state.Token(cm.ResourceVersion), nil
}

func (s *store) patch(ctx context.Context, kube rest.Interface, raw string, old state.Token) (state.Token, error) {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]string{"resourceVersion": string(old)},
		"data":     map[string]string{dataKey: raw},
	})
	if err != nil {
		return "", err
	}
	var cm corev1.ConfigMap
	err = kube.Patch(types.MergePatchType).MaxRetries(0).
		Namespace(s.config.Namespace).Resource(resource).Name(s.config.Name).
		Body(patch).Do(ctx).Into(&cm)
	// Not found: what old stood for is gone, so it is not the newest.
	if apierrors.IsConflict(err) || isNotFound(err) {
		return "", state.ErrConflict
	}
	if err != nil {
		return "", s.explain("patch", err)
	}
	return state.Token(cm.ResourceVersion), nil
}
