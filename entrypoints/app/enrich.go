package app

import (
	"github.com/packetboat/packetboat/core/enrich"
	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/render"
)

// enricher looks up what rules, templates and payloads can see of the involved
// objects; nil if they see nothing, or nothing shall be looked up. Events of
// --events bring with them what is known: there is no cluster to ask.
func (a *App) enricher(receivers []opened, m *metrics.Metrics) (*enrich.Enricher, error) {
	uses := a.uses(receivers)
	if a.Config.OmitLookup || a.Events != "" || !uses.Any() {
		return nil, nil
	}
	if a.lookups != nil {
		return a.lookups, nil
	}
	client, err := a.Client()
	if err != nil {
		return nil, err
	}
	kinds := make([]string, len(a.Config.Enrich.Kinds))
	for i, kind := range a.Config.Enrich.Kinds {
		kinds[i] = string(kind)
	}
	a.lookups = enrich.New(enrich.Options{
		REST: client, Uses: uses, Kinds: kinds,
		CacheSize: a.Config.CacheSize, CacheTTL: a.Config.CacheTTL,
		Metrics: m.Enrich, Log: a.Log,
	})
	return a.lookups, nil
}

// uses is what the whole configuration can see.
func (a *App) uses(receivers []opened) render.Uses {
	var all render.Uses
	all.Labels, all.Annotations = a.Config.Tree.Uses()
	for _, r := range receivers {
		all = all.Merge(r.uses)
	}
	return all
}

// seenBy is what a receiver can see; the default payload shows everything.
func seenBy(c *render.Compiler) render.Uses {
	if c.DefaultPayload() {
		return render.Uses{Labels: true, Annotations: true, OwnerReferences: true, Deleted: true}
	}
	return c.Uses()
}
