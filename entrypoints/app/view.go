package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/packetboat/packetboat/core/metrics"
	"github.com/packetboat/packetboat/core/route"
	"github.com/packetboat/packetboat/core/run"
	"github.com/packetboat/packetboat/core/source"
	"github.com/packetboat/packetboat/entrypoints/app/push"
	"github.com/packetboat/packetboat/entrypoints/app/web"
	"github.com/packetboat/packetboat/sinks"
)

// A view is what health and the status page show of a watcher. It is guarded by
// the watcher's mu.
type view struct {
	app       *App
	state     string // starting, standby, failing; while there is a job, what that says
	text      string
	refused   error    // why the newest configuration is not at work, nil if it is
	job       *run.Job // nil between two watches
	receivers []opened
	counter   *route.Counter
	recent    *recent
	rates     map[string]*rate
	stopped   map[string]time.Time // since when receivers are, because they were refused
}

func (k *watcher) log() *slog.Logger {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view.app.Log
}

// stands says what the process does while it has no watch.
func (k *watcher) stands(state, text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.view.state, k.view.text = state, text
}

// seeing wraps the router of the next watch.
func (k *watcher) seeing(a *App, receivers []opened) run.Router {
	names := make([]string, len(receivers))
	for i, r := range receivers {
		names[i] = r.Name
	}
	counter := a.Config.Tree.Counted()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.view.counter, k.view.recent, k.view.receivers = counter, newRecent(counter, names), receivers
	if !k.StatusPage || k.MetricsAddress == "" {
		return a.Config.Tree
	}
	return k.view.recent
}

// shows begins and ends a watch's part of the view.
func (k *watcher) shows(job *run.Job, receivers []opened) {
	k.mu.Lock()
	defer k.mu.Unlock()
	// Receivers that are about to be closed are not asked what they would send.
	k.view.job, k.view.receivers, k.view.rates, k.view.stopped = job, receivers, map[string]*rate{}, map[string]time.Time{}
	if job != nil {
		k.view.state, k.view.text = "", ""
	}
}

// listen opens the address of metrics, health and the status page, if there is one.
func (k *watcher) listen() (*web.Server, error) {
	if k.MetricsAddress == "" {
		return nil, nil
	}
	o := web.Options{
		Address: k.MetricsAddress, WebConfigFile: k.MetricsTLSConfig, Metrics: k.metrics.Registry,
		Health: k.health, StatusHosts: k.StatusHosts, Log: k.app.Log,
	}
	if k.StatusPage {
		o.Status = k
	}
	return web.New(o)
}

// measureTime is how often what cannot be counted is measured.
const measureTime = 5 * time.Second

// measure sets the gauges and pushes the metrics where the configuration says.
func (k *watcher) measure(ctx context.Context) {
	tick := time.NewTicker(measureTime)
	defer tick.Stop()
	var pushed time.Time
	var pusher *push.Pusher
	var of *App
	for {
		select {
		case <-ctx.Done():
			if pusher != nil {
				of.pushMetrics(context.WithoutCancel(ctx), pusher)
			}
			return
		case <-tick.C:
		}
		k.mu.Lock()
		v := k.view
		k.mu.Unlock()
		k.gauge(v)
		if of != v.app {
			of, pusher = v.app, v.app.newPusher(k.metrics, v.app.Stdout)
		}
		if time.Since(pushed) >= v.app.Config.Metrics.Interval {
			pushed = time.Now()
			v.app.pushMetrics(ctx, pusher)
		}
	}
}

func (k *watcher) gauge(v view) {
	if v.job == nil {
		return
	}
	all := v.job.Status()
	gauge(k.metrics, all)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range all {
		if v.rates[s.Receiver] == nil {
			v.rates[s.Receiver] = &rate{}
		}
		v.rates[s.Receiver].add(s.Stats.Delivered)
		// Once for each time that it stops.
		if s.State == run.Stopped && sinks.IsStop(s.Err) && !v.stopped[s.Receiver].Equal(s.Since) {
			v.stopped[s.Receiver] = s.Since
			k.doubt()
		}
	}
}

// gauge sets how far behind receivers are.
func gauge(m *metrics.Metrics, all []run.Status) {
	for _, s := range all {
		r := m.Receiver(s.Receiver)
		r.Owed.Set(float64(s.Owed))
		r.LagEvents.Set(float64(s.Owed))
		if lag, known := lagOf(s); known {
			r.LagSeconds.Set(lag.Seconds())
		}
	}
}

// lagOf is how far behind a receiver is, in time.
func lagOf(s run.Status) (lag time.Duration, known bool) {
	if s.State == run.Delivering && s.Owed == 0 {
		return 0, true
	}
	if s.Committed.ReadAt.IsZero() {
		return 0, false
	}
	return max(time.Since(s.Committed.ReadAt), 0), true
}

// rate is how much was delivered in the last minute.
type rate struct {
	samples [int(time.Minute / measureTime)]int64
	next    int
	full    bool
}

func (r *rate) add(delivered int64) {
	r.samples[r.next] = delivered
	r.next = (r.next + 1) % len(r.samples)
	r.full = r.full || r.next == 0
}

func (r *rate) perMinute(now int64) float64 {
	if r == nil {
		return 0
	}
	oldest := int64(0) // it began less than a minute ago, at 0
	if r.full {
		oldest = r.samples[r.next]
	}
	return float64(now - oldest)
}

// health says whether the process makes progress, and whether it does its part.
func (k *watcher) health() web.Health {
	k.mu.Lock()
	v := k.view
	k.mu.Unlock()
	progress, live := k.progress(v)
	config := web.Reason{Name: "configuration", OK: v.refused == nil, Text: "as the file says"}
	if v.refused != nil {
		config.Text = "the newest is refused, the one before it is at work; the log says why"
	}
	work, ready := works(v)
	reasons := append([]web.Reason{work}, receiverReasons(v)...)
	return web.Health{
		Live:  web.Check{OK: live, Reasons: []web.Reason{progress}},
		Ready: web.Check{OK: ready, Reasons: append(reasons, config)},
	}
}

// progress is lost when a watch neither gets on nor fails for much longer than
// the time between two heartbeats: that is a defect, which a restart may mend.
func (k *watcher) progress(v view) (web.Reason, bool) {
	reason := web.Reason{Name: "progress", OK: true, Text: "there is nothing to do"}
	if v.job == nil || v.job.Active().IsZero() {
		return reason, true
	}
	age := time.Since(v.job.Active()).Round(time.Second)
	reason.Text = fmt.Sprintf("reading got on %s ago", age)
	events, _ := v.job.Source.(*source.Source)
	if events == nil || events.Heartbeat <= 0 || events.Marker == nil {
		return reason, true // on a quiet cluster nothing is heard for a long time
	}
	reason.OK = age < 3*events.Heartbeat+stuckTime
	return reason, reason.OK
}

// stuckTime is longer than everything that may rightly hold a read up: a request
// that is tried again, and a receiver that is.
const stuckTime = 10 * time.Minute

func works(v view) (web.Reason, bool) {
	reason := web.Reason{Name: "events", OK: true, Text: "following"}
	switch {
	case v.job == nil && v.state == "standby":
		reason.Text = "standby: " + v.text
	case v.job == nil:
		reason.OK, reason.Text = false, v.state
		if v.state == "failing" {
			reason.Text = "failing, trying again; the log says why"
		}
	case !v.job.Following():
		reason.OK, reason.Text = false, "catching up"
	}
	return reason, reason.OK
}

// receiverReasons: a receiver that has stopped is worth saying, but to take the
// process out of service would help nobody.
func receiverReasons(v view) []web.Reason {
	if v.job == nil {
		return nil
	}
	var reasons []web.Reason
	for _, s := range v.job.Status() {
		if s.State == run.Stopped || s.State == run.Behind {
			reasons = append(reasons, web.Reason{Name: "receiver", Text: s.Receiver + " is " + string(s.State) + "; it is owed what it missed"})
		}
	}
	return reasons
}
