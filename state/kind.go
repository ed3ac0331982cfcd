package state

import (
	"context"
	"fmt"
	"path"
	"strings"

	"k8s.io/client-go/rest"
)

// Kind registers one kind of storage. Kinds are values in a list (package all).
type Kind struct {
	// Name is the config key below checkpoint, and below deadLetter.
	Name string
	// NewConfig returns a pointer to a Config with its defaults, to decode into.
	NewConfig func() any
	// FromRef makes a Config from the short form NAME:REF of the command line,
	// such as file:PATH; REF is what stands behind the colon.
	FromRef func(ref string) (any, error)
	// Beside makes a Config of a checkpoint beside the one that config names: its
	// name is that one's with a suffix, such as -shard-0-of-4.
	Beside func(config any, suffix string) any
	// Open opens the store. It does no I/O.
	Open func(ctx context.Context, config any, env Env) (Store, error)

	// NewDeadLetterConfig and OpenDeadLetters are NewConfig and Open of the dead
	// letters, nil if this kind keeps none.
	NewDeadLetterConfig func() any
	OpenDeadLetters     func(ctx context.Context, config any, env Env) (DeadLetters, error)
}

// Env is what a store is opened with beside its own Config.
type Env struct {
	// Kube gives a client for the core/v1 API of the cluster that is exported.
	Kube func() (rest.Interface, error)
	// Namespace is where this process runs, "" outside a cluster.
	Namespace string
}

// BesideFile puts a suffix into the name of a file or object, before what it ends
// with: a/checkpoint.json becomes a/checkpoint-2.json.
func BesideFile(name, suffix string) string {
	extension := path.Ext(name)
	return strings.TrimSuffix(name, extension) + suffix + extension
}

// NewKind builds a Kind from a store's own typed functions.
func NewKind[C any](name string, defaults func() C, fromRef func(ref string) (C, error),
	beside func(config C, suffix string) C, open func(ctx context.Context, config C, env Env) (Store, error),
) Kind {
	return Kind{
		Name: name,
		NewConfig: func() any {
			c := defaults()
			return &c
		},
		FromRef: func(ref string) (any, error) {
			c, err := fromRef(ref)
			return &c, err
		},
		Beside: func(config any, suffix string) any {
			c := beside(*config.(*C), suffix)
			return &c
		},
		Open: func(ctx context.Context, config any, env Env) (Store, error) {
			c, ok := config.(*C)
			if !ok {
				return nil, fmt.Errorf("open %s: config is %T", name, config)
			}
			return open(ctx, *c, env)
		},
	}
}

// WithDeadLetters adds to a kind that it keeps dead letters too.
func WithDeadLetters[C any](kind Kind, defaults func() C,
	open func(ctx context.Context, config C, env Env) (DeadLetters, error),
) Kind {
	kind.NewDeadLetterConfig = func() any {
		c := defaults()
		return &c
	}
	kind.OpenDeadLetters = func(ctx context.Context, config any, env Env) (DeadLetters, error) {
		c, ok := config.(*C)
		if !ok {
			return nil, fmt.Errorf("open dead letters in %s: config is %T", kind.Name, config)
		}
		return open(ctx, *c, env)
	}
	return kind
}
