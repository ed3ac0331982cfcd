// Package secrets fetches the secrets that a configuration only names.
//
// A Cache asks for every name once, several at the same time, and keeps what it
// got, in memory only, until it is older than the caller's TTL or forgotten. It
// makes one attempt; a value that cannot be had anew for the moment is used on,
// with a warning in the log. Nobody is asked before the first Fetch, and clients
// of the clouds are made when a reference needs them. No error, and no line of
// the log, holds a value. A Cache may be used concurrently.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/core/config"
	"github.com/packetboat/packetboat/core/secret"
	"github.com/packetboat/packetboat/entrypoints/app/fetch"
)

// atOnce bounds how many names are asked for at the same time.
const atOnce = 8

// Options are for tests: the zero Options are the real world.
type Options struct {
	Now           func() time.Time
	SecretManager string // URL of Google's Secret Manager
}

// Cache keeps what was fetched. New makes one.
type Cache struct {
	options Options
	clouds  clouds

	mu   sync.Mutex
	kept map[place]entry
}

// place is what is fetched at once; references to several keys of it share it.
type place struct {
	scheme secret.Scheme
	name   string
	home   bool // see Request.Kube
}

func (p place) String() string { return string(p.scheme) + ":" + p.name }

type entry struct {
	document document
	at       time.Time
}

// New makes an empty Cache.
func New(o Options) *Cache {
	if o.Now == nil {
		// Without the monotonic clock, which stands still while a function is frozen.
		o.Now = func() time.Time { return time.Now().Round(0) }
	}
	return &Cache{options: o, kept: map[place]entry{}}
}

// Request says what to fetch, and how old it may be.
type Request struct {
	References []config.Reference
	TTL        time.Duration
	// Kube is the client for a Kubernetes Secret. home asks for the cluster that
	// this process runs in and no other: a reference below cluster: says how the
	// other is reached.
	Kube func(home bool) (rest.Interface, error)
	Log  *slog.Logger
}

// Error says why one reference has no value.
type Error struct {
	Reference config.Reference
	Err       error
}

func (e *Error) Error() string { return fmt.Sprintf("secret %s: %v", e.Reference.Secret, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Fetch returns the values in the order of the references. The error joins an
// *Error for each that has none.
func (c *Cache) Fetch(ctx context.Context, r Request) ([]secret.String, error) {
	found := c.find(ctx, r)
	var failures []error
	values := make([]secret.String, len(r.References))
	for i, ref := range r.References {
		value, err := "", found[placeOf(ref)].err
		if err == nil {
			value, err = found[placeOf(ref)].document.value(ref.Secret.Key)
		}
		if err == nil && value == "" {
			err = fetch.Wrongf("is empty")
		}
		if err != nil {
			failures = append(failures, &Error{Reference: ref, Err: err})
			continue
		}
		values[i] = secret.New(value)
	}
	return values, errors.Join(failures...)
}

// Forget makes the next Fetch ask for everything anew: a receiver has refused
// what is known.
func (c *Cache) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.kept)
}

// result is what became of one place.
type result struct {
	document document
	err      error
}

// find fetches what is missing or too old.
func (c *Cache) find(ctx context.Context, r Request) map[place]result {
	var mu sync.Mutex // guards found
	found := map[place]result{}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, ref := range r.References {
		at := placeOf(ref)
		mu.Lock()
		_, begun := found[at]
		if !begun {
			found[at] = result{}
		}
		mu.Unlock()
		if begun {
			continue
		}
		group.Go(func() error {
			document, err := c.get(ctx, at, r)
			mu.Lock()
			defer mu.Unlock()
			found[at] = result{document, err}
			return nil
		})
	}
	_ = group.Wait() // none of them ends the others
	return found
}

func (c *Cache) get(ctx context.Context, at place, r Request) (document, error) {
	c.mu.Lock()
	known, ok := c.kept[at]
	c.mu.Unlock()
	if age := c.options.Now().Sub(known.at); ok && 0 <= age && age < r.TTL {
		return known.document, nil
	}
	document, err := c.fetch(ctx, at, r)
	if err != nil {
		if ok && !fetch.IsWrong(err) && r.Log != nil {
			r.Log.Warn("a secret cannot be fetched again for now, its known value is used on", "secret", at.String(), "error", err)
		}
		if ok && !fetch.IsWrong(err) {
			return known.document, nil
		}
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept[at] = entry{document, c.options.Now()}
	return document, nil
}

func (c *Cache) fetch(ctx context.Context, at place, r Request) (document, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetch.Timeout, fmt.Errorf("no answer within %s", fetch.Timeout))
	defer cancel()
	switch at.scheme {
	case secret.File:
		return readFile(at.name)
	case secret.KubernetesKey:
		return readKubernetes(ctx, at, r.Kube)
	case secret.AWSSecret:
		return c.clouds.awsSecret(ctx, at.name)
	case secret.AWSParameter:
		return c.clouds.awsParameter(ctx, at.name)
	case secret.GoogleSecret:
		return c.clouds.googleSecret(ctx, c.options.SecretManager, at.name)
	}
	return nil, fetch.Wrongf("nobody knows secrets of the kind %s", at.scheme)
}
