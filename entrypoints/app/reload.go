package app

import (
	"context"
	"crypto/sha256"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/packetboat/packetboat/core/metrics"
)

// settleTime is how long a changed file must lie still: editors write in pieces.
const settleTime = 300 * time.Millisecond

// reloads reads the configuration again when it is asked to, when the file has
// changed, or when a look finds that a secret has, or a configuration that is no
// file, until ctx ends.
func (k *watcher) reloads(ctx context.Context) {
	known := k.content(ctx)
	changes, end := k.changes()
	defer end()
	look := time.NewTimer(k.ttl())
	defer look.Stop()
	still := time.NewTimer(time.Hour)
	still.Stop()
	defer still.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changes:
			still.Reset(settleTime)
			continue
		case <-still.C:
			if now := k.content(ctx); now == known {
				continue
			}
		case <-look.C:
			look.Reset(k.ttl())
			if !k.outdated(ctx, false) {
				continue
			}
		case <-k.refused:
			k.options.outside.secrets.Forget()
			if !k.outdated(ctx, true) {
				continue
			}
		case <-k.Reload:
			k.options.outside.secrets.Forget()
		}
		known = k.content(ctx)
		k.reload(ctx)
		look.Reset(k.ttl()) // it may be another
	}
}

// changes are those of the folder that the configuration file is in: a ConfigMap
// that is mounted changes by a link beside the file.
func (k *watcher) changes() (changes <-chan fsnotify.Event, end func()) {
	file := k.options.outside.config.Path
	if file == "" {
		return nil, func() {}
	}
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		changes = watcher.Events
		err = watcher.Add(filepath.Dir(file))
	}
	if err != nil {
		k.log().Warn("changes of the configuration file are not noticed, SIGHUP still is", "error", err)
	}
	return changes, func() {
		if watcher != nil {
			_ = watcher.Close()
		}
	}
}

// doubt asks for a look at the secrets now.
func (k *watcher) doubt() {
	select {
	case k.refused <- struct{}{}:
	default: // it is asked for already
	}
}

func (k *watcher) present() *App {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next != nil {
		return k.next
	}
	return k.view.app
}

func (k *watcher) ttl() time.Duration { return k.present().Config.Secrets.TTL }

func (k *watcher) outdated(ctx context.Context, now bool) bool { return k.present().outdated(ctx, now) }

// content tells one content of the file from another; one that cannot be read is
// a content too.
func (k *watcher) content(ctx context.Context) [sha256.Size]byte {
	data, err := k.options.readConfig(ctx)
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(data)
}

// reload takes the configuration if it is good; else the present one goes on.
// Receivers keep their cursors by their names.
func (k *watcher) reload(ctx context.Context) {
	a, err := New(ctx, k.options)
	if err == nil {
		err = a.resolve(ctx)
	}
	if err == nil {
		err = a.tryReceivers(ctx)
	}
	k.metrics.Run.Reloaded(err == nil, time.Now())
	k.mu.Lock()
	defer k.mu.Unlock()
	k.view.refused = err
	if err != nil {
		k.view.app.Log.Error("the new configuration is refused, the one before it goes on", "error", err)
		return
	}
	k.view.app.Log.Info("the configuration was read again")
	if k.next == nil {
		close(k.changed)
	}
	k.next = a
}

// tryReceivers opens every receiver and closes it again: that compiles its
// templates.
func (a *App) tryReceivers(ctx context.Context) error {
	warnings := a.Warnings
	receivers, err := a.openSinks(ctx, metrics.Discard())
	for _, r := range receivers {
		_ = r.sink.Close(ctx)
	}
	a.Warnings = warnings
	return err
}

// waiting is closed when there is a new configuration.
func (k *watcher) waiting() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.changed
}

// reloaded takes the new configuration, if there is one.
func (k *watcher) reloaded() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next == nil {
		return false
	}
	old := k.app
	k.app, k.next, k.changed = k.next, nil, make(chan struct{})
	for _, r := range old.Config.Receivers {
		if !k.app.configured(r.Name) {
			k.metrics.Forget(r.Name)
		}
	}
	if old.Config.LeaderElection != k.app.Config.LeaderElection || old.Config.MetricsNamePrefix != k.app.Config.MetricsNamePrefix {
		k.app.Log.Warn("leaderElection and metricsNamePrefix are taken when the process starts: restart it for what has changed there")
	}
	_ = old.Close(context.Background())
	k.view.app = k.app
	return true
}
