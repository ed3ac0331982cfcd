// Package enrich completes events with what the API server knows of the objects
// that they are about: labels, annotations, owner references, and whether the
// object is deleted.
//
// It promises never to lie. An event is left without labels only if its object
// is known to be gone (not found, or another object has its name by now), if the
// server forbids the question, or if nobody can answer it: the server does not
// know the kind, or the kind's API is not Kubernetes' own and is broken. The last
// three count only after the server said that it is well. Any other failure is
// an error, and the page stays owed: a rule on labels would else drop what it
// should match.
//
// Only metadata is fetched, and only what the configuration can see. This
// package retries for its caller, each question for at most Options.Budget. An
// Enricher may be used concurrently; it keeps no goroutine and need not be
// closed.
package enrich

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/render"
)

// Where Options leave it open.
const (
	DefaultCacheSize = 4096 // objects
	DefaultCacheTTL  = 10 * time.Minute
	DefaultBudget    = 15 * time.Second
)

// Options are what an Enricher works with.
type Options struct {
	// REST is any client of the cluster, only absolute paths are asked for. Its
	// codec must know meta.k8s.io/v1, as that of entrypoints/app/cluster does.
	REST rest.Interface
	Uses render.Uses // what the configuration can see; the rest is neither set nor kept
	// Kinds limits the look-ups, each is KIND or GROUP/KIND; none is all kinds.
	Kinds []string

	CacheSize int           // objects that are remembered; 0 is DefaultCacheSize
	CacheTTL  time.Duration // for how long; 0 is DefaultCacheTTL
	Budget    time.Duration // for one question, its repetitions included; 0 is DefaultBudget

	Metrics *metrics.Enrich // nil counts nowhere
	Log     *slog.Logger
	Now     func() time.Time // nil is time.Now
}

// Enricher looks up involved objects and remembers them for a while.
type Enricher struct {
	Options
	catalog catalog
	allowed map[schema.GroupKind]bool // nil: all; a group of "*" is any
	gone    *facts                    // of every object that does not exist any more

	objects *lru.Cache[object, remembered]
	apis    *lru.Cache[schema.GroupVersion, discovered]
	closed  *lru.Cache[scope, closure]

	mu   sync.Mutex
	said map[string]bool // warnings that were given
}

// New makes an Enricher. It sends nothing.
func New(o Options) *Enricher {
	if o.CacheSize <= 0 {
		o.CacheSize = DefaultCacheSize
	}
	if o.CacheTTL <= 0 {
		o.CacheTTL = DefaultCacheTTL
	}
	if o.Budget <= 0 {
		o.Budget = DefaultBudget
	}
	if o.Metrics == nil {
		o.Metrics = metrics.Discard().Enrich
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Enricher{
		Options: o, catalog: newCatalog(), allowed: allowList(o.Kinds), said: map[string]bool{},
		gone:    &facts{deleted: o.Uses.Deleted},
		objects: newCache[object, remembered](o.CacheSize),
		apis:    newCache[schema.GroupVersion, discovered](256),
		closed:  newCache[scope, closure](8192),
	}
}

// Enrich completes the involved objects of a page in place, so nobody else may
// see the events yet. After an error the page is half done and stays owed: read
// it again. What was learned until then is remembered.
func (e *Enricher) Enrich(ctx context.Context, events []*event.Event) error {
	p := &page{Enricher: e, now: e.Now(), found: map[object]*facts{}}
	if err := p.discover(ctx, events); err != nil {
		return err
	}
	missing := p.recall(events)
	if len(missing) == 0 {
		return nil
	}
	err := p.lookUp(ctx, missing)
	p.count(missing, err != nil)
	if err != nil {
		return err
	}
	for o, events := range missing {
		for _, ev := range events {
			p.found[o].complete(ev)
		}
	}
	return nil
}

// page is one call of Enrich. What it found is kept here too: a page may be
// about more objects than the cache holds.
type page struct {
	*Enricher
	now     time.Time
	foreign map[schema.GroupVersion]map[string]resource // by kind: those that are not built in

	well atomic.Bool // the server has said so since this page was begun

	mu    sync.Mutex
	found map[object]*facts
}

// recall completes the events whose object is remembered, and returns the
// others by object.
func (p *page) recall(events []*event.Event) map[object][]*event.Event {
	var missing map[object][]*event.Event
	hits := 0
	for _, ev := range events {
		o, ok := p.objectOf(ev)
		if !ok {
			continue
		}
		if r, ok := p.objects.Get(o); ok && p.now.Before(r.until) {
			r.facts.complete(ev)
			hits++
			continue
		}
		if missing == nil {
			missing = map[object][]*event.Event{}
		}
		missing[o] = append(missing[o], ev)
	}
	p.Metrics.Hits.Add(float64(hits))
	p.Metrics.Misses.Add(float64(len(missing)))
	return missing
}

// facts are what is known of an object. They are shared by events and never
// changed; nil is nothing known.
type facts struct {
	labels, annotations map[string]string
	owners              []metav1.OwnerReference
	deleted             bool
}

func (f *facts) complete(ev *event.Event) {
	if f == nil {
		return
	}
	o := &ev.InvolvedObject
	o.Labels, o.Annotations, o.OwnerReferences, o.Deleted = f.labels, f.annotations, f.owners, f.deleted
}

// factsOf keeps what the configuration can see.
func (e *Enricher) factsOf(m *metav1.ObjectMeta) *facts {
	f := &facts{}
	if e.Uses.Labels {
		f.labels = m.Labels
	}
	if e.Uses.Annotations {
		f.annotations = m.Annotations
	}
	if e.Uses.OwnerReferences {
		f.owners = m.OwnerReferences
	}
	f.deleted = e.Uses.Deleted && m.DeletionTimestamp != nil
	return f
}

// allowList takes KIND and GROUP/KIND.
func allowList(kinds []string) map[schema.GroupKind]bool {
	if len(kinds) == 0 {
		return nil
	}
	allowed := map[schema.GroupKind]bool{}
	for _, k := range kinds {
		group, kind, ok := strings.Cut(k, "/")
		if !ok {
			group, kind = "*", k
		}
		allowed[schema.GroupKind{Group: group, Kind: kind}] = true
	}
	return allowed
}

func (e *Enricher) allows(group, kind string) bool {
	return e.allowed == nil || e.allowed[schema.GroupKind{Group: group, Kind: kind}] ||
		e.allowed[schema.GroupKind{Group: "*", Kind: kind}]
}

// warnOnce says a thing once in the life of this Enricher.
func (e *Enricher) warnOnce(key, text string, args ...any) {
	e.mu.Lock()
	said := e.said[key]
	e.said[key] = true
	e.mu.Unlock()
	if !said {
		e.Log.Warn(text, args...)
	}
}
