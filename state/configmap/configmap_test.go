package configmap_test

import (
	"fmt"
	"path"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/deploy/local"
	"github.com/packetboat/packetboat/deploy/local/localtest"
	"github.com/packetboat/packetboat/state"
	"github.com/packetboat/packetboat/state/configmap"
	"github.com/packetboat/packetboat/state/statetest"
)

const namespace = "default"

// TestOnARealAPIServer holds all tests that need one, so that it starts once.
func TestOnARealAPIServer(t *testing.T) {
	cluster := localtest.Start(t, local.Options{})
	config := adminConfig(t, cluster)
	admin := connect(t, config, plain, nil)
	for _, contentType := range []string{plain, protobuf} {
		t.Run("conformance, "+contentType, func(t *testing.T) { conformance(t, config, contentType) })
	}
	for name, test := range map[string]func(*testing.T, rest.Interface){
		"a ConfigMap without the data key is a first run": preCreated,
		"what else is in the ConfigMap survives":          othersSurvive,
		"deleted by hand":                                 deleted,
		"edited by hand":                                  edited,
		"immutable":                                       immutable,
		"checkpoint in binaryData":                        binaryData,
		"too little room":                                 noRoom,
		"namespace does not exist":                        namespaceMissing,
	} {
		t.Run(name, func(t *testing.T) { test(t, admin) })
	}
	t.Run("namespace is being deleted", func(t *testing.T) { namespaceTerminating(t, cluster, admin) })
	t.Run("rights", func(t *testing.T) { rights(t, cluster, config) })
	t.Run("role of the README is enough and no more than that", func(t *testing.T) { roleOfReadme(t, cluster, config) })
	t.Run("one attempt per call", func(t *testing.T) { oneAttempt(t, config) })
	t.Run("an expired token is no first run", func(t *testing.T) { expiredToken(t, config) })
}

func conformance(t *testing.T, config *rest.Config, contentType string) {
	admin := connect(t, config, plain, nil)
	var cases atomic.Int32
	statetest.Run(t, statetest.Harness{New: func(t *testing.T) statetest.Storage {
		name := fmt.Sprintf("conformance-%s-%d", path.Base(contentType), cases.Add(1))
		return statetest.Storage{
			Open: func(t *testing.T) state.Store {
				return open(t, connect(t, config, contentType, nil), namespace, name)
			},
			LosingReply: func(t *testing.T) state.Store {
				return open(t, connect(t, config, contentType, loseReplies), namespace, name)
			},
			Read: func(t *testing.T) []byte {
				cm := getConfigMap(t, admin, namespace, name)
				if cm == nil {
					return nil
				}
				raw, found := cm.Data["checkpoint.json"]
				require.True(t, found)
				return []byte(raw)
			},
			Write: func(t *testing.T, raw []byte) {
				cm := &corev1.ConfigMap{
					ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
					Data:       map[string]string{"checkpoint.json": string(raw)},
				}
				if getConfigMap(t, admin, namespace, name) == nil {
					createConfigMap(t, admin, cm)
					return
				}
				updateConfigMap(t, admin, cm)
			},
		}
	}})
}

// named is a ConfigMap for one test.
func named(name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func preCreated(t *testing.T, admin rest.Interface) {
	createConfigMap(t, admin, named("pre-created"))
	store := open(t, admin, namespace, "pre-created")
	_, token, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	require.Equal(t, getConfigMap(t, admin, namespace, "pre-created").ResourceVersion, string(token))

	_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 1}, "")
	require.ErrorIs(t, err, state.ErrConflict, "it is there, so it cannot be created")
	_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 1}, token)
	require.NoError(t, err)
	_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 2}, token)
	require.ErrorIs(t, err, state.ErrConflict, "of two first runs one wins")
	c, _, err := store.Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(1), c.Revision)
}

func othersSurvive(t *testing.T, admin rest.Interface) {
	cm := named("shared")
	cm.Labels = map[string]string{"app.kubernetes.io/managed-by": "Helm"}
	cm.Annotations = map[string]string{"note": "keep"}
	cm.Finalizers = []string{"example.com/keep"}
	cm.Data = map[string]string{"other": "text"}
	cm.BinaryData = map[string][]byte{"bin": {0, 255}}
	createConfigMap(t, admin, cm)
	store := open(t, admin, namespace, "shared")
	_, token, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	for revision := range int64(3) {
		token, err = store.Commit(t.Context(), state.Checkpoint{Revision: revision}, token)
		require.NoError(t, err)
	}
	got := getConfigMap(t, admin, namespace, "shared")
	require.Equal(t, cm.Labels, got.Labels)
	require.Equal(t, cm.Annotations, got.Annotations)
	require.Equal(t, cm.Finalizers, got.Finalizers)
	require.Equal(t, cm.BinaryData, got.BinaryData)
	require.Equal(t, "text", got.Data["other"])
	require.Contains(t, got.Data["checkpoint.json"], `"revision": 2`)
}

func deleted(t *testing.T, admin rest.Interface) {
	store := open(t, admin, namespace, "deleted")
	token, err := store.Commit(t.Context(), state.Checkpoint{Revision: 1}, "")
	require.NoError(t, err)
	deleteConfigMap(t, admin, namespace, "deleted")
	_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 2}, token)
	require.ErrorIs(t, err, state.ErrConflict)
	_, token, err = store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	require.Empty(t, token)

	// Made again by somebody else: the old token is of another life.
	old, err := store.Commit(t.Context(), state.Checkpoint{Revision: 1}, "")
	require.NoError(t, err)
	deleteConfigMap(t, admin, namespace, "deleted")
	_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 1}, "")
	require.NoError(t, err)
	_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 2}, old)
	require.ErrorIs(t, err, state.ErrConflict)
}

func edited(t *testing.T, admin rest.Interface) {
	store := open(t, admin, namespace, "edited")
	token, err := store.Commit(t.Context(), state.Checkpoint{Revision: 1}, "")
	require.NoError(t, err)
	cm := getConfigMap(t, admin, namespace, "edited")
	cm.Labels = map[string]string{"team": "a"}
	updateConfigMap(t, admin, cm)
	_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 2}, token)
	require.ErrorIs(t, err, state.ErrConflict)
	_, token, err = store.Load(t.Context())
	require.NoError(t, err)
	_, err = store.Commit(t.Context(), state.Checkpoint{Revision: 2}, token)
	require.NoError(t, err)
}

func immutable(t *testing.T, admin rest.Interface) {
	cm := named("immutable")
	cm.Immutable = new(true)
	createConfigMap(t, admin, cm)
	store := open(t, admin, namespace, "immutable")
	_, token, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	_, err = store.Commit(t.Context(), state.Checkpoint{}, token)
	require.ErrorContains(t, err, "commit checkpoint to ConfigMap default/immutable: patch: it is immutable, delete it or name another")
	require.NotErrorIs(t, err, state.ErrConflict)
}

func binaryData(t *testing.T, admin rest.Interface) {
	cm := named("binary")
	cm.BinaryData = map[string][]byte{"checkpoint.json": {0, 255}}
	createConfigMap(t, admin, cm)
	_, _, err := open(t, admin, namespace, "binary").Load(t.Context())
	require.ErrorIs(t, err, state.ErrUnreadable)
	require.ErrorContains(t, err, "checkpoint.json is in binaryData")
}

func noRoom(t *testing.T, admin rest.Interface) {
	cm := named("full")
	cm.BinaryData = map[string][]byte{"other": make([]byte, 1<<20-100)}
	createConfigMap(t, admin, cm)
	store := open(t, admin, namespace, "full")
	_, token, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound)
	_, err = store.Commit(t.Context(), state.Checkpoint{}, token)
	require.ErrorContains(t, err, "what else is in it leaves too little room")
}

func namespaceMissing(t *testing.T, admin rest.Interface) {
	store := open(t, admin, "no-such", "checkpoint")
	_, token, err := store.Load(t.Context())
	require.ErrorIs(t, err, state.ErrNotFound, "the API server does not tell it from a missing ConfigMap")
	_, err = store.Commit(t.Context(), state.Checkpoint{}, token)
	require.ErrorContains(t, err, "commit checkpoint to ConfigMap no-such/checkpoint: create: namespace no-such does not exist")
	require.NotErrorIs(t, err, state.ErrConflict)
}

func TestConfig(t *testing.T) {
	for name, test := range map[string]struct{ ref, own, namespace, name, says string }{
		"name only, in a pod":       {ref: "c", own: "monitoring", namespace: "monitoring", name: "c"},
		"name only, outside":        {ref: "c", namespace: "default", name: "c"},
		"both":                      {ref: "kube-system/a.b", own: "monitoring", namespace: "kube-system", name: "a.b"},
		"nothing":                   {says: "name is missing"},
		"namespace only":            {ref: "ns/", says: "name is missing"},
		"a name with a slash":       {ref: "ns/a/b", says: `name "a/b": `},
		"a name no object can have": {ref: "Checkpoint", says: `name "Checkpoint": `},
		"a namespace with a dot":    {ref: "a.b/c", says: `namespace "a.b": `},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := configmap.Kind.FromRef(test.ref)
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
				_, err = configmap.Kind.Open(t.Context(), config, state.Env{})
				require.ErrorContains(t, err, "open configMap: "+test.says)
				return
			}
			require.NoError(t, err)
			store, err := configmap.Kind.Open(t.Context(), config, state.Env{Namespace: test.own})
			require.NoError(t, err)
			_, _, err = store.Load(t.Context())
			require.EqualError(t, err, "load checkpoint from ConfigMap "+test.namespace+"/"+test.name+
				": there is no cluster to connect to")
			require.NotNil(t, configmap.Kind.NewConfig())
		})
	}
}

func TestConnectsAtTheFirstUseAndAgainAfterAFailure(t *testing.T) {
	calls := 0
	store, err := configmap.Kind.Open(t.Context(), &configmap.Config{Name: "c"}, state.Env{
		Kube: func() (rest.Interface, error) {
			calls++
			return nil, errLineDead
		},
	})
	require.NoError(t, err)
	require.Zero(t, calls, "opening does no I/O")
	for range 2 {
		_, _, err = store.Load(t.Context())
		require.ErrorIs(t, err, errLineDead)
		require.NotErrorIs(t, err, state.ErrNotFound)
	}
	_, err = store.Commit(t.Context(), state.Checkpoint{}, "")
	require.ErrorIs(t, err, errLineDead)
	require.Equal(t, 3, calls)
}
