package app

import (
	"context"
	"fmt"
	"strings"

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
	store, err := a.openStore(ctx)
	if err != nil {
		return nil, err
	}
	a.store = store
	return store, nil
}

func (a *App) openStore(ctx context.Context) (state.Store, error) {
	if a.Checkpoint != "" {
		return a.StoreByRef(ctx, a.Checkpoint)
	}
	if a.Config.Checkpoint == nil {
		return nil, usage("no checkpoint named: a run must know what was sent before; add checkpoint: to %s, or --checkpoint file:PATH or configmap:NAMESPACE/NAME", a.ConfigFile)
	}
	store, err := a.Config.Checkpoint.Kind.Open(ctx, a.Config.Checkpoint.Config, a.storeEnv())
	if err != nil {
		return nil, usage("open checkpoint: %w", err)
	}
	return store, nil
}

// StoreByRef opens a store by its short form NAME:REF, such as file:PATH.
func (a *App) StoreByRef(ctx context.Context, ref string) (state.Store, error) {
	name, rest, ok := strings.Cut(ref, ":")
	var names []string
	for _, kind := range stateall.Kinds() {
		names = append(names, strings.ToLower(kind.Name))
		if !ok || !strings.EqualFold(kind.Name, name) {
			continue
		}
		config, err := kind.FromRef(rest)
		if err != nil {
			return nil, usage("--checkpoint %s: %w", ref, err)
		}
		store, err := kind.Open(ctx, config, a.storeEnv())
		if err != nil {
			return nil, usage("--checkpoint %s: %w", ref, err)
		}
		return store, nil
	}
	return nil, usage("--checkpoint %s: want one of %s with what it names, such as file:PATH or configmap:NAMESPACE/NAME", ref, strings.Join(names, ", "))
}

func (a *App) storeEnv() state.Env {
	return state.Env{Kube: a.Client, Namespace: cluster.Namespace()}
}

// describe names a store for messages.
func (a *App) describe() string {
	if a.Checkpoint != "" {
		return a.Checkpoint
	}
	if a.Config.Checkpoint == nil {
		return "none"
	}
	return fmt.Sprintf("%s (from %s)", a.Config.Checkpoint.Kind.Name, a.ConfigFile)
}
