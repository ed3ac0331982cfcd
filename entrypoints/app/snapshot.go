package app

import (
	"cmp"
	"context"
	"time"

	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/entrypoints/app/web"
)

// Snapshot is what the status page shows now.
func (k *watcher) Snapshot() web.Snapshot {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := k.view
	s := web.Snapshot{
		Version: v.app.Version, Cluster: v.app.Config.ClusterName, Now: time.Now(), Since: k.began,
		State: v.state, StateText: v.text, Receivers: []web.Receiver{}, Recent: []web.Recent{},
	}
	if v.counter != nil {
		s.Route, s.Recent = v.counter.Counts(), v.recent.list()
	}
	if v.job == nil {
		for _, r := range v.app.Config.Receivers {
			s.Receivers = append(s.Receivers, web.Receiver{Name: r.Name, Sink: r.Kind.Name, State: web.Waiting})
		}
		return s
	}
	s.Cluster = cmp.Or(s.Cluster, v.job.Cluster())
	s.State = "catching up"
	if v.job.Following() {
		s.State = "following"
	}
	s.Dropped = v.job.Dropped()
	for i, r := range v.job.Status() {
		s.Receivers = append(s.Receivers, shown(r, v.receivers[i].Kind.Name, v.rates[r.Receiver]))
	}
	return s
}

func shown(r run.Status, sink string, per *rate) web.Receiver {
	row := web.Receiver{
		Name: r.Receiver, Sink: sink, State: web.ReceiverState(r.State), Owed: r.Owed, PerMinute: per.perMinute(r.Stats.Delivered),
		Delivered: r.Stats.Delivered, Refused: r.Stats.Refused, DeadLettered: r.Stats.DeadLettered,
		Cursor: cmp.Or(r.Committed.ResourceVersion, "0"),
	}
	if lag, known := lagOf(r); known {
		seconds := lag.Seconds()
		row.LagSeconds = &seconds
	}
	if r.Err != nil {
		row.LastError, row.LastErrorAt = r.Err.Error(), &r.Since
	}
	return row
}

// Explain and ExplainRecent are for the status page, too.

func (k *watcher) explainer() explainer {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.view.app
	return explainer{tree: a.Config.Tree, receivers: k.view.receivers, clusterName: a.Config.ClusterName, recent: k.view.recent}
}

// Explain says which way an event takes that somebody pasted.
func (k *watcher) Explain(ctx context.Context, raw []byte) (web.Explanation, error) {
	e := k.explainer()
	if e.receivers == nil {
		return web.Explanation{}, errStandby
	}
	return e.Explain(ctx, raw)
}

// ExplainRecent says which way an event took.
func (k *watcher) ExplainRecent(ctx context.Context, id string) (web.Explanation, error) {
	e := k.explainer()
	if e.recent == nil {
		return web.Explanation{}, web.ErrNotFound
	}
	return e.ExplainRecent(ctx, id)
}
