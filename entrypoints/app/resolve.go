package app

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/entrypoints/app/cluster"
	"github.com/packetboat/packetboat/entrypoints/app/fetch"
	"github.com/packetboat/packetboat/entrypoints/app/secrets"
)

// basis is what an App was made of, to tell when another is needed.
type basis struct {
	content []byte // of the configuration

	mu     sync.Mutex               // guards what follows: watch looks while a watch is opened
	asked  time.Time                // when content and values were last known to be true
	values map[string]secret.String // by Key, of Config.References, those that are resolved
}

// resolve fetches the secrets below these keys of the configuration, all if none
// is named, as far as they are not known. It comes before anything is opened with
// them; checking and explaining a configuration go without.
func (a *App) resolve(ctx context.Context, keys ...string) error {
	b := a.basis
	b.mu.Lock()
	defer b.mu.Unlock()
	wanted := without(a.Config.References, func(key string) bool {
		_, known := b.values[key]
		return known || len(keys) > 0 && !isBelow(key, keys...)
	})
	values, err := a.fetch(ctx, wanted)
	if err != nil {
		return a.explainSecrets(err)
	}
	for i, value := range values {
		wanted[i].Set(value.Reveal())
		b.values[wanted[i].Key] = value
	}
	return nil
}

func isBelow(key string, keys ...string) bool {
	for _, k := range keys {
		if strings.HasPrefix(key, k+".") || strings.HasPrefix(key, k+"[") {
			return true
		}
	}
	return false
}

func (a *App) fetch(ctx context.Context, wanted []config.Reference) ([]secret.String, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	kube := secretsCluster{app: a}
	defer kube.close()
	return a.outside.secrets.Fetch(ctx, secrets.Request{References: wanted, TTL: a.Config.Secrets.TTL, Kube: kube.client, Log: a.Log})
}

// secretsCluster is the cluster that packetboat runs in; where it runs in none,
// the one whose events are read.
type secretsCluster struct {
	app  *App
	mu   sync.Mutex
	made *rest.RESTClient
}

func (s *secretsCluster) client(home bool) (rest.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made != nil {
		return s.made, nil
	}
	made, err := cluster.New(cluster.Config{InCluster: true, UserAgent: "packetboat/" + s.app.Version})
	switch {
	case errors.Is(err, rest.ErrNotInCluster) && home:
		return nil, errors.New("below cluster: it is a Secret of the cluster that packetboat runs in, and it runs in none")
	case errors.Is(err, rest.ErrNotInCluster) && (s.app.share > 0 || len(s.app.clusters) > 0):
		return nil, errors.New("with several clusters it is a Secret of the one that packetboat runs in, and it runs in none")
	case errors.Is(err, rest.ErrNotInCluster):
		made, err = cluster.New(s.app.clusterConfig())
	}
	if err != nil {
		return nil, err
	}
	s.made = made
	return made, nil
}

// close gives the connections up: by the next time they may be dead.
func (s *secretsCluster) close() {
	if s.made != nil {
		utilnet.CloseIdleConnectionsFor(s.made.Client.Transport)
	}
}

// explainSecrets makes problems of the configuration out of what is wrong in it.
// What may be there the next time is none.
func (a *App) explainSecrets(err error) error {
	var problems []config.Problem
	var failures []error
	for _, one := range joined(err) {
		var failure *secrets.Error
		if !errors.As(one, &failure) {
			failures = append(failures, one)
			continue
		}
		p := config.Problem{
			File: a.ConfigFile, Line: failure.Reference.Position.Line, Column: failure.Reference.Position.Column,
			Key: failure.Reference.Key, Severity: config.Error, Text: failure.Error(),
		}
		if fetch.IsWrong(failure) {
			problems = append(problems, p)
		}
		failures = append(failures, &unresolved{p, failure})
	}
	if len(problems) > 0 {
		return &ConfigError{problems}
	}
	return errors.Join(failures...)
}

func joined(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	return []error{err}
}

// unresolved says where a secret stands that cannot be fetched for now.
type unresolved struct {
	problem config.Problem
	err     error
}

func (u *unresolved) Error() string { return u.problem.String() }
func (u *unresolved) Unwrap() error { return u.err }

// outdated reports whether another App is needed: the configuration or a secret
// is no longer what this one was made of. It asks once in a TTL, or at once if
// now is set. What cannot be asked for the moment has not changed; what is wrong
// has, and the next App says so.
func (a *App) outdated(ctx context.Context, now bool) bool {
	b := a.basis
	b.mu.Lock()
	defer b.mu.Unlock()
	// A clock that was set back says nothing about how long ago it was.
	if age := a.outside.now().Sub(b.asked); !now && 0 <= age && age < a.Config.Secrets.TTL {
		return false
	}
	b.asked = a.outside.now()
	content, err := a.readConfig(ctx)
	if err != nil && ExitCode(err) != ExitUsage {
		a.Log.Warn("the configuration cannot be read again for now, the known one is used on", "error", err)
		content, err = b.content, nil
	}
	if err != nil || !bytes.Equal(content, b.content) {
		return true
	}
	return a.rotated(ctx) || slices.ContainsFunc(a.clusters, func(one *App) bool { return one.rotated(ctx) })
}

// rotated reports whether a secret is not what it was.
func (a *App) rotated(ctx context.Context) bool {
	before := a.basis.values
	known := without(a.Config.References, func(key string) bool {
		_, ok := before[key]
		return !ok
	})
	values, err := a.fetch(ctx, known)
	if err != nil {
		return ExitCode(a.explainSecrets(err)) == ExitUsage
	}
	for i := range values {
		if values[i].Reveal() != before[known[i].Key].Reveal() {
			return true
		}
	}
	return false
}
