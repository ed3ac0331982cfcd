package app

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/entrypoints/app/cluster"
	"github.com/packetboat/packetboat/state"
	stateall "github.com/packetboat/packetboat/state/all"
)

// Store is the checkpoint's store, the caller's, else the configuration's,
// opened once.
func (a *App) Store(ctx context.Context) (state.Store, error) {
	if a.store != nil {
		return a.store, nil
	}
	if err := a.single(); err != nil {
		return nil, err
	}
	// Who looks at the checkpoint alone needs no receiver's secret.
	if err := a.resolve(ctx, "checkpoint", "cluster", "clusters"); err != nil {
		return nil, err
	}
	store, err := a.openStore(ctx)
	if err != nil {
		return nil, err
	}
	a.store = store
	return store, nil
}

func (a *App) openStore(ctx context.Context) (state.Store, error) { return a.shardStore(ctx, a.shard) }

// shardStore opens the checkpoint of a shard: beside that of the whole cluster,
// with its name in the name.
func (a *App) shardStore(ctx context.Context, shard source.Shard) (state.Store, error) {
	named, err := a.checkpoint()
	if err != nil {
		return nil, err
	}
	if !shard.Whole() {
		named.Config = named.Kind.Beside(named.Config, fmt.Sprintf("-shard-%d-of-%d", shard.Index, shard.Of))
	}
	return a.openNamed(ctx, named, "open checkpoint")
}

// checkpoint is where the caller, else the configuration, wants it.
func (a *App) checkpoint() (config.Checkpoint, error) {
	switch {
	case a.Checkpoint != "":
		return storeByRef(a.Checkpoint)
	case a.Config.Checkpoint == nil:
		return config.Checkpoint{}, usage("no checkpoint named: a run must know what was sent before; add checkpoint: to %s, or --checkpoint file:PATH or configmap:NAMESPACE/NAME", a.ConfigFile)
	}
	return *a.Config.Checkpoint, nil
}

func (a *App) openNamed(ctx context.Context, named config.Checkpoint, what string) (state.Store, error) {
	store, err := named.Kind.Open(ctx, named.Config, a.storeEnv())
	if err != nil {
		return nil, usage("%s: %w", what, err)
	}
	return store, nil
}

// StoreByRef opens a store by its short form NAME:REF, such as file:PATH.
func (a *App) StoreByRef(ctx context.Context, ref string) (state.Store, error) {
	named, err := storeByRef(ref)
	if err != nil {
		return nil, err
	}
	return a.openNamed(ctx, named, "--checkpoint "+ref)
}

func storeByRef(ref string) (config.Checkpoint, error) {
	name, rest, ok := strings.Cut(ref, ":")
	var names []string
	for _, kind := range stateall.Kinds() {
		names = append(names, strings.ToLower(kind.Name))
		if !ok || !strings.EqualFold(kind.Name, name) {
			continue
		}
		c, err := kind.FromRef(rest)
		if err != nil {
			return config.Checkpoint{}, usage("--checkpoint %s: %w", ref, err)
		}
		return config.Checkpoint{Kind: kind, Config: c}, nil
	}
	with := ""
	if tags := buildTags(); tags != "" {
		with = "this binary was built with tags " + tags + ": "
	}
	return config.Checkpoint{}, usage("--checkpoint %s: %swant one of %s with what it names, such as file:PATH or configmap:NAMESPACE/NAME", ref, with, strings.Join(names, ", "))
}

func (a *App) storeEnv() state.Env {
	return state.Env{Kube: a.Client, Namespace: a.namespace()}
}

// namespace is where this process runs, "" outside a cluster.
func (a *App) namespace() string { return cmp.Or(a.Namespace, cluster.Namespace()) }

// describe names a store for messages.
func (a *App) describe() string {
	of := ""
	if !a.shard.Whole() {
		of = ", shard " + a.shard.String()
	}
	switch {
	case a.Checkpoint != "":
		return a.Checkpoint + of
	case a.Config.Checkpoint == nil:
		return "none"
	}
	return fmt.Sprintf("%s (from %s%s)", a.Config.Checkpoint.Kind.Name, a.ConfigFile, of)
}
