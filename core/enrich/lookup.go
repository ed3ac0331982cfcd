package enrich

import (
	"context"
	"strconv"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/packetboat/packetboat/core/event"
	"github.com/packetboat/packetboat/core/metrics"
)

const (
	// concurrency is how many requests of one page are in flight.
	concurrency = 4
	// many is how many missing objects of one kind and namespace are worth a LIST.
	many = 4
	// itemsPerGet is how many objects in a LIST cost about as much as one GET:
	// measured 34, in CPU of client and servers, with pods that have one label.
	itemsPerGet = 30
	// chunk is the most objects in one answer, as kubectl asks for.
	chunk = 500
)

// lookUp asks the server for objects: lists first, then one by one what is few
// or what the lists left open.
func (p *page) lookUp(ctx context.Context, missing map[object][]*event.Event) error {
	scopes := map[scope][]object{}
	for o := range missing {
		s := scope{o.resource, o.namespace}
		scopes[s] = append(scopes[s], o)
	}
	var singles []object
	for s, objects := range scopes {
		if len(objects) < many {
			singles = append(singles, objects...)
			delete(scopes, s)
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for s, objects := range scopes {
		group.Go(func() error {
			rest, err := p.list(groupCtx, s, objects)
			p.mu.Lock()
			singles = append(singles, rest...)
			p.mu.Unlock()
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	group, groupCtx = errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for _, o := range singles {
		group.Go(func() error { return p.get(groupCtx, o) })
	}
	return group.Wait()
}

// get asks for one object.
func (p *page) get(ctx context.Context, o object) error {
	s := scope{o.resource, o.namespace}
	if p.shut(s) {
		return nil
	}
	found := &metav1.PartialObjectMetadata{}
	got, err := p.question(ctx, s, operation{"get", s.String() + " " + o.name}, func() *rest.Request {
		return p.REST.Get().AbsPath(append(s.path(), o.name)...).SetHeader("Accept", accept("PartialObjectMetadata"))
	}, found)
	switch got {
	case present:
		p.settle(o, p.judge(o, &found.ObjectMeta))
	case absent:
		p.settle(o, p.gone)
	}
	return err
}

// judge says what an object found under the name means for the one asked for.
func (p *page) judge(o object, found *metav1.ObjectMeta) *facts {
	if o.uid != "" && o.uid != found.UID {
		return p.gone // another one has its name by now
	}
	return p.factsOf(found)
}

// list asks for all objects of a kind in one namespace as long as that is
// cheaper than to ask for each, and returns those that are left to ask for.
func (p *page) list(ctx context.Context, s scope, objects []object) ([]object, error) {
	if p.shut(s) {
		return nil, nil
	}
	missing := map[string][]object{} // by name, which may have had several UIDs
	for _, o := range objects {
		missing[o.name] = append(missing[o.name], o)
	}
	limit, token := min(chunk, itemsPerGet*len(objects)), ""
	for {
		list := &metav1.PartialObjectMetadataList{}
		got, err := p.question(ctx, s, operation{"list", s.String()}, func() *rest.Request {
			return p.REST.Get().AbsPath(s.path()...).Param("limit", strconv.Itoa(limit)).Param("continue", token).
				SetHeader("Accept", accept("PartialObjectMetadataList"))
		}, list)
		switch got {
		case silence:
			return nil, err
		case absent: // its version has expired on the way
			return leftOf(missing), err
		}
		p.take(s, list.Items, missing)
		if list.Continue == "" {
			// The list is of one version, and not older than our question: what is not in it does not exist.
			for _, o := range leftOf(missing) {
				p.settle(o, p.gone)
			}
			return nil, nil
		}
		if left := list.RemainingItemCount; left == nil || *left > int64(itemsPerGet*len(missing)) {
			return leftOf(missing), nil
		}
		token = list.Continue
	}
}

// take settles the missing objects that are among those found, and remembers
// the others too: events about them are likely to come.
func (p *page) take(s scope, found []metav1.PartialObjectMetadata, missing map[string][]object) {
	for i := range found {
		meta := &found[i].ObjectMeta
		p.keep(object{s.resource, s.namespace, meta.Name, meta.UID}, p.factsOf(meta))
		for _, o := range missing[meta.Name] {
			p.settle(o, p.judge(o, meta))
		}
		delete(missing, meta.Name)
	}
}

func leftOf(missing map[string][]object) []object {
	var all []object
	for _, objects := range missing {
		all = append(all, objects...)
	}
	return all
}

// count says how the look-ups ended. What nobody could answer is none of these.
func (p *page) count(missing map[object][]*event.Event, failed bool) {
	for o := range missing {
		switch f := p.found[o]; {
		case f == p.gone:
			p.Metrics.Lookup(metrics.Gone)
		case f != nil:
			p.Metrics.Lookup(metrics.Found)
		case p.forbidden(scope{o.resource, o.namespace}):
			p.Metrics.Lookup(metrics.Forbidden)
		case failed:
			p.Metrics.Lookup(metrics.Failed)
		}
	}
}
