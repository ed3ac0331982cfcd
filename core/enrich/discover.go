package enrich

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/core/event"
)

// discovered are the kinds of one group version that can be read; nil if there
// are none, or if it is broken.
type discovered struct {
	kinds map[string]resource
	until time.Time
}

// discover learns the kinds that are not built in: of each group version that
// the page needs, and of no other (D-W5).
func (p *page) discover(ctx context.Context, events []*event.Event) error {
	for _, ev := range events {
		ref := &ev.InvolvedObject.ObjectReference
		version, err := schema.ParseGroupVersion(ref.APIVersion)
		if err != nil || !isSegment(version.Group) || !isSegment(version.Version) || !p.allows(version.Group, ref.Kind) {
			continue
		}
		if _, known := p.catalog.find(version.Group, ref.Kind); known {
			continue
		}
		if p.foreign == nil {
			p.foreign = map[schema.GroupVersion]map[string]resource{}
		}
		p.foreign[version] = nil
	}
	var unknown []schema.GroupVersion
	for version := range p.foreign {
		if d, ok := p.apis.Get(version); ok && p.now.Before(d.until) {
			p.foreign[version] = d.kinds
		} else {
			unknown = append(unknown, version)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for _, version := range unknown {
		group.Go(func() error { return p.ask(ctx, version) })
	}
	return group.Wait()
}

// ask asks the server for the kinds of one group version.
func (p *page) ask(ctx context.Context, version schema.GroupVersion) error {
	s := scope{resource: resource{GroupVersionResource: version.WithResource("")}}
	list := &metav1.APIResourceList{}
	got, err := p.question(ctx, s, operation{"discover", version.String()}, func() *rest.Request {
		return p.REST.Get().AbsPath("/apis", version.Group, version.Version).SetHeader("Accept", "application/json")
	}, list)
	if got == absent {
		p.apis.Add(version, discovered{until: p.now.Add(brokenTTL)})
	}
	if err != nil || got != present {
		return err
	}
	kinds := map[string]resource{}
	for _, r := range list.APIResources {
		readable := slices.Contains(r.Verbs, "get") && slices.Contains(r.Verbs, "list")
		if readable && isSegment(r.Name) { // a subresource has a slash in its name
			kinds[r.Kind] = resource{GroupVersionResource: version.WithResource(r.Name), namespaced: r.Namespaced}
		}
	}
	p.apis.Add(version, discovered{kinds, p.now.Add(p.CacheTTL)})
	p.mu.Lock()
	p.foreign[version] = kinds
	p.mu.Unlock()
	return nil
}

// closure is a scope that is not asked for before a time.
type closure struct {
	until     time.Time
	forbidden bool // else the server does not know it
}

// shut reports whether a scope is not asked for now.
func (p *page) shut(s scope) bool {
	if c, ok := p.closed.Get(s); ok && p.now.Before(c.until) {
		return true
	}
	if s.builtIn {
		return false
	}
	d, ok := p.apis.Get(s.GroupVersion())
	return ok && d.kinds == nil && p.now.Before(d.until)
}

func (p *page) forbidden(s scope) bool {
	c, ok := p.closed.Get(s)
	return ok && c.forbidden && p.now.Before(c.until)
}
